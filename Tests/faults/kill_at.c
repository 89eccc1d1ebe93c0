// Preloaded into an edge: kills the program at the n-th call of rename, fsync or unlink for a file of releases, n from KILL_AT. With KILL_AT_LOG, writes
// the name of the call to this file first.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static atomic_int calls;

static void count(const char *call, const char *path) {
    const char *wanted = getenv("KILL_AT");
    if (!wanted || !path || !strstr(path, "/release-") || strstr(path, "release-keys")) return;
    if (atomic_fetch_add(&calls, 1) + 1 != atoi(wanted)) return;
    const char *log = getenv("KILL_AT_LOG");
    int file = log ? open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : -1;
    if (file >= 0) {
        const char *name = strrchr(path, '/');
        dprintf(file, "%s %s", call, name ? name + 1 : path);
        close(file);
    }
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

int rename(const char *from, const char *to) {
    count("rename", to);
    int (*real)(const char *, const char *) = (int (*)(const char *, const char *))dlsym(RTLD_NEXT, "rename");
    return real(from, to);
}

int unlink(const char *path) {
    if (access(path, F_OK) == 0) count("unlink", path);
    int (*real)(const char *) = (int (*)(const char *))dlsym(RTLD_NEXT, "unlink");
    return real(path);
}

int fsync(int file) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length > 0) {
        path[length] = 0;
        count("fsync", path);
    }
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    return real(file);
}

#pragma once
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <microhttpd.h>

// MHD_start_daemon is variadic, and needs a socket address that stays valid during the call.
// `certificate` and `key` are PEM text or null; `address` is numeric, IPv4 or IPv6. If the result is null, errno contains the cause.
static inline struct MHD_Daemon *cmhd_start(
    const char *address, uint16_t port, unsigned threads, unsigned connections, unsigned timeout_seconds,
    size_t connection_memory, const char *certificate, const char *key,
    MHD_AccessHandlerCallback access, MHD_RequestCompletedCallback completed, MHD_NotifyConnectionCallback connected,
    void *(*requestLine)(void *context, const char *uri, struct MHD_Connection *connection), void *context) {
    struct sockaddr_in v4; struct sockaddr_in6 v6; struct sockaddr *bound;
    memset(&v4, 0, sizeof v4); memset(&v6, 0, sizeof v6);
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME;
    if (inet_pton(AF_INET, address, &v4.sin_addr) == 1) {
        v4.sin_family = AF_INET; v4.sin_port = htons(port); bound = (struct sockaddr *)&v4;
    } else if (inet_pton(AF_INET6, address, &v6.sin6_addr) == 1) {
        v6.sin6_family = AF_INET6; v6.sin6_port = htons(port); bound = (struct sockaddr *)&v6;
        flags |= MHD_USE_IPv6;
    } else {
        errno = EAFNOSUPPORT; return NULL;
    }
    struct MHD_OptionItem tls[] = {
        { MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)certificate },
        { MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)key },
        { MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)"NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2" },
        { MHD_OPTION_END, 0, NULL } };
    struct MHD_OptionItem none[] = { { MHD_OPTION_END, 0, NULL } };
    if (certificate && key) flags |= MHD_USE_TLS;
    errno = 0;
    return MHD_start_daemon(
        flags, port, NULL, NULL, access, context,
        MHD_OPTION_SOCK_ADDR, bound, MHD_OPTION_NOTIFY_COMPLETED, completed, context,
        MHD_OPTION_NOTIFY_CONNECTION, connected, context, MHD_OPTION_URI_LOG_CALLBACK, requestLine, context,
        MHD_OPTION_THREAD_POOL_SIZE, threads, MHD_OPTION_CONNECTION_LIMIT, connections,
        MHD_OPTION_CONNECTION_TIMEOUT, timeout_seconds, MHD_OPTION_CONNECTION_MEMORY_LIMIT, connection_memory,
        MHD_OPTION_ARRAY, (certificate && key) ? tls : none, MHD_OPTION_END);
}
static inline uint16_t cmhd_port(struct MHD_Daemon *daemon) {
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT);
    return info ? info->port : 0;
}
// Returns the connection's socket, -1 if unknown, and writes the peer's address as text, "" if unknown.
static inline int cmhd_peer(struct MHD_Connection *connection, char *text, unsigned length) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    text[0] = 0;
    if (info && info->client_addr && info->client_addr->sa_family == AF_INET)
        inet_ntop(AF_INET, &((struct sockaddr_in *)info->client_addr)->sin_addr, text, length);
    else if (info && info->client_addr && info->client_addr->sa_family == AF_INET6)
        inet_ntop(AF_INET6, &((struct sockaddr_in6 *)info->client_addr)->sin6_addr, text, length);
    info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    return info ? info->connect_fd : -1;
}
// Sends bytes directly to the socket, not through libmicrohttpd, and does not wait: for a connection that is about to be closed.
static inline void cmhd_say(int descriptor, const char *bytes, size_t count) {
    if (descriptor >= 0) (void)!send(descriptor, bytes, count, MSG_DONTWAIT | MSG_NOSIGNAL);
}
// Creates a response that uses the given memory. libmicrohttpd calls `release(owner)` after the last byte has been sent.
static inline struct MHD_Response *cmhd_response(const void *bytes, size_t count, void (*release)(void *owner), void *owner) {
    return MHD_create_response_from_buffer_with_free_callback_cls(count, (void *)bytes, release, owner);
}
// Creates a response of unknown length whose bytes `read(owner, …)` gives. libmicrohttpd calls `release(owner)` when the response has ended.
static inline struct MHD_Response *cmhd_stream(MHD_ContentReaderCallback read, void (*release)(void *owner), void *owner) {
    return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 4096, read, owner, release);
}
static inline ssize_t cmhd_end_of_stream(void) { return MHD_CONTENT_READER_END_OF_STREAM; }
static inline void cmhd_cut(int descriptor) { if (descriptor >= 0) shutdown(descriptor, SHUT_RDWR); }
static inline void cmhd_close(int descriptor) { if (descriptor >= 0) close(descriptor); }

#pragma once
#include <malloc.h>
#include <sys/timex.h>

// Functions that Swift's Glibc module does not have.

// Returns 1 if the kernel reports its clock as synchronised (by NTP), else 0.
static inline int clinux_clock_is_synchronised(void) {
    struct timex state = { 0 };
    return adjtimex(&state) >= 0 && !(state.status & STA_UNSYNC);
}
// By default glibc uses one memory arena per thread and returns freed memory to the system late. A small daemon needs less memory with
// one arena and an early return.
static inline void clinux_lean_memory(void) {
    mallopt(M_ARENA_MAX, 1);
    mallopt(M_TRIM_THRESHOLD, 64 * 1024);
}

// glibc declares pipe2 only with _GNU_SOURCE.
extern int pipe2(int ends[2], int flags);

// I2C: Swift cannot use the kernel's variadic ioctls, nested pointers and unions. Each function returns -1 and sets errno on failure, like
// ioctl.
#include <errno.h>
#include <linux/i2c-dev.h>
#include <linux/i2c.h>
#include <string.h>
#include <sys/ioctl.h>

// Returns the width of the descriptor's terminal in columns; 0 if the descriptor is no terminal.
static inline int clinux_terminal_columns(int descriptor) {
    struct winsize size;
    return ioctl(descriptor, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}
static inline int clinux_i2c_functions(int descriptor, unsigned long *functions) { return ioctl(descriptor, I2C_FUNCS, functions); }
static inline int clinux_i2c_select(int descriptor, unsigned long address) { return ioctl(descriptor, I2C_SLAVE, address); }
// Writes, then reads after a repeated start; the write or the read may be empty.
static inline int clinux_i2c_transfer(
    int descriptor, unsigned short address, const unsigned char *out, unsigned short outCount, unsigned char *in, unsigned short inCount) {
    struct i2c_msg messages[2];
    unsigned count = 0;
    if (outCount > 0) messages[count++] = (struct i2c_msg){ .addr = address, .len = outCount, .buf = (unsigned char *)out };
    if (inCount > 0) messages[count++] = (struct i2c_msg){ .addr = address, .flags = I2C_M_RD, .len = inCount, .buf = in };
    struct i2c_rdwr_ioctl_data data = { .msgs = messages, .nmsgs = count };
    errno = EIO;  // for an adapter that transfers only some of the messages and sets no errno
    return ioctl(descriptor, I2C_RDWR, &data);
}
// Reads at most 32 bytes, starting at a register. Returns the number of bytes read.
static inline int clinux_smbus_read(int descriptor, unsigned char reg, unsigned char *in, unsigned char count) {
    union i2c_smbus_data data = { 0 };
    struct i2c_smbus_ioctl_data call = { .read_write = I2C_SMBUS_READ, .command = reg, .data = &data };
    if (count == 1) {
        call.size = I2C_SMBUS_BYTE_DATA;
        if (ioctl(descriptor, I2C_SMBUS, &call) < 0) return -1;
        in[0] = data.byte;
        return 1;
    }
    if (count > I2C_SMBUS_BLOCK_MAX) return -1;
    call.size = I2C_SMBUS_I2C_BLOCK_DATA;
    data.block[0] = count;
    if (ioctl(descriptor, I2C_SMBUS, &call) < 0) return -1;
    if (data.block[0] != count) return data.block[0];
    memcpy(in, data.block + 1, count);
    return count;
}
static inline int clinux_smbus_write(int descriptor, unsigned char reg, unsigned char value) {
    union i2c_smbus_data data = { .byte = value };
    struct i2c_smbus_ioctl_data call = { .read_write = I2C_SMBUS_WRITE, .command = reg, .size = I2C_SMBUS_BYTE_DATA, .data = &data };
    return ioctl(descriptor, I2C_SMBUS, &call);
}

// Sends a message to the service manager: one datagram to a socket with a path, or with an abstract name, written with a leading @.
#include <errno.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static inline int clinux_notify(const char *where, const char *message, size_t count) {
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    size_t length = strlen(where);
    if (length < 2 || length >= sizeof(address.sun_path)) {
        errno = EINVAL;
        return -1;
    }
    memcpy(address.sun_path, where, length);
    if (where[0] == '@') address.sun_path[0] = 0;
    int descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) return -1;
    ssize_t sent = sendto(
        descriptor, message, count, MSG_NOSIGNAL | MSG_DONTWAIT, (struct sockaddr *)&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length));
    int code = errno;
    close(descriptor);
    errno = code;
    return sent < 0 ? -1 : 0;
}

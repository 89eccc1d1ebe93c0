#pragma once
#include <zlib.h>

// deflateInit2 and inflateInit2 are macros. Windows of 8 KB and small tables: 64 KB of memory while it works, and on batches
// of a few kilobytes the same result as with zlib's 256 KB.
static inline int czlib_deflate_init(z_stream *stream) {
    return deflateInit2(stream, Z_BEST_COMPRESSION, Z_DEFLATED, 13, 6, Z_DEFAULT_STRATEGY);
}
// gzip's frame, fast: for answers, which are made anew all the time.
static inline int czlib_gzip_init(z_stream *stream) {
    return deflateInit2(stream, Z_BEST_SPEED, Z_DEFLATED, 13 + 16, 6, Z_DEFAULT_STRATEGY);
}
// 15 + 32: any window, and zlib's or gzip's frame, whichever comes.
static inline int czlib_inflate_init(z_stream *stream) {
    return inflateInit2(stream, 15 + 32);
}

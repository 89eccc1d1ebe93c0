#pragma once
#include <zlib.h>

// deflateInit2 and inflateInit2 are macros. A window of 8 KB and small tables need 64 KB of memory instead of zlib's default 256 KB; batches of
// a few kilobytes are compressed equally well.
static inline int czlib_deflate_init(z_stream *stream) {
    return deflateInit2(stream, Z_BEST_COMPRESSION, Z_DEFLATED, 13, 6, Z_DEFAULT_STRATEGY);
}
// gzip format with fast compression: for responses, which are compressed often.
static inline int czlib_gzip_init(z_stream *stream) {
    return deflateInit2(stream, Z_BEST_SPEED, Z_DEFLATED, 13 + 16, 6, Z_DEFAULT_STRATEGY);
}
// 15 + 32: any window size, and automatic detection of zlib or gzip format.
static inline int czlib_inflate_init(z_stream *stream) {
    return inflateInit2(stream, 15 + 32);
}

internal import CZlib

/// Compression and decompression of whole bodies: zlib (RFC 1950) and gzip (RFC 1952).
package enum Deflate {
    /// The data is malformed, or longer than allowed after decompression.
    package enum DecompressionError: Error, Equatable {
        case malformed
        case tooLong
    }

    package enum Frame: Sendable {
        case zlib  // HTTP's `deflate`; strongest compression
        case gzip  // fast compression
    }

    /// - Returns: the compressed bytes; `nil` if they are not shorter.
    package static func compressed(_ bytes: [UInt8], as frame: Frame = .zlib) -> [UInt8]? {
        var stream = unsafe z_stream()
        guard !bytes.isEmpty else { return nil }
        let begun = frame == .zlib ? unsafe czlib_deflate_init(&stream) : unsafe czlib_gzip_init(&stream)
        guard begun == Z_OK else { return nil }
        defer { unsafe deflateEnd(&stream) }
        var result = [UInt8](repeating: 0, count: bytes.count)
        // zlib does not modify the bytes at next_in; only its declaration lacks const.
        let code = unsafe bytes.withUnsafeBufferPointer { input in
            unsafe result.withUnsafeMutableBufferPointer { output in
                unsafe stream.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
                unsafe stream.avail_in = UInt32(clamping: input.count)
                unsafe stream.next_out = output.baseAddress
                unsafe stream.avail_out = UInt32(clamping: output.count)
                return unsafe deflate(&stream, Z_FINISH)
            }
        }
        guard code == Z_STREAM_END else { return nil }  // the output buffer was full: the result is not shorter
        unsafe result.removeLast(Int(stream.avail_out))
        return result.count < bytes.count ? result : nil
    }

    /// - Parameter bytes: zlib or gzip data, without bytes after the end.
    /// - Parameter limit: the largest allowed result, in bytes. Memory use stays near this limit, also for hostile data.
    package static func decompressed(_ bytes: [UInt8], limit: Int) throws(DecompressionError) -> [UInt8] {
        var stream = unsafe z_stream()
        guard unsafe czlib_inflate_init(&stream) == Z_OK else { throw .malformed }
        defer { unsafe inflateEnd(&stream) }
        var result: [UInt8] = []
        var taken = 0
        var code = Z_OK
        while code == Z_OK {
            let filled = result.count
            guard filled <= limit else { throw .tooLong }
            // Compression rarely reduces a batch to less than a third of its size: usually one step is enough.
            let room = min(limit + 1 - filled, max(4_096, filled, 3 * bytes.count))
            result.append(contentsOf: repeatElement(0, count: room))
            code = unsafe bytes.withUnsafeBufferPointer { input in
                unsafe result.withUnsafeMutableBufferPointer { output in
                    unsafe stream.next_in = input.baseAddress.map { unsafe UnsafeMutablePointer(mutating: $0 + taken) }
                    unsafe stream.avail_in = UInt32(clamping: input.count - taken)
                    unsafe stream.next_out = output.baseAddress.map { unsafe $0 + filled }
                    unsafe stream.avail_out = UInt32(clamping: room)
                    return unsafe inflate(&stream, Z_NO_FLUSH)
                }
            }
            taken = unsafe bytes.count - Int(stream.avail_in)
            unsafe result.removeLast(Int(stream.avail_out))
            // The output has free space, but the end is missing: the input is truncated.
            if code == Z_OK, result.count < filled + room { throw .malformed }
        }
        guard code == Z_STREAM_END, taken == bytes.count else { throw .malformed }
        guard result.count <= limit else { throw .tooLong }
        return result
    }
}

internal import CZlib

/// zlib (RFC 1950) and gzip (RFC 1952), whole bodies at once.
package enum Deflate {
    /// What came is not what `Content-Encoding` promised, or longer than allowed.
    package enum Fault: Error, Equatable {
        case malformed
        case tooLong
    }

    package enum Frame: Sendable {
        case zlib  // HTTP's `deflate`; as short as it gets
        case gzip  // quickly made
    }

    /// - Returns: the bytes in that frame; `nil` where that is not shorter.
    package static func compressed(_ bytes: [UInt8], as frame: Frame = .zlib) -> [UInt8]? {
        var stream = unsafe z_stream()
        guard !bytes.isEmpty else { return nil }
        let begun = frame == .zlib ? unsafe czlib_deflate_init(&stream) : unsafe czlib_gzip_init(&stream)
        guard begun == Z_OK else { return nil }
        defer { unsafe deflateEnd(&stream) }
        var result = [UInt8](repeating: 0, count: bytes.count)
        // zlib does not write through next_in; its type only lacks the const.
        let code = unsafe bytes.withUnsafeBufferPointer { input in
            unsafe result.withUnsafeMutableBufferPointer { output in
                unsafe stream.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
                unsafe stream.avail_in = UInt32(clamping: input.count)
                unsafe stream.next_out = output.baseAddress
                unsafe stream.avail_out = UInt32(clamping: output.count)
                return unsafe deflate(&stream, Z_FINISH)
            }
        }
        guard code == Z_STREAM_END else { return nil }  // the room for what is not shorter ran out
        unsafe result.removeLast(Int(stream.avail_out))
        return result.count < bytes.count ? result : nil
    }

    /// - Parameter bytes: in zlib's or gzip's frame, with nothing behind it.
    /// - Parameter limit: of the result, in bytes; no more than that is ever in memory, whatever the frame says of itself.
    package static func expanded(_ bytes: [UInt8], limit: Int) throws(Fault) -> [UInt8] {
        var stream = unsafe z_stream()
        guard unsafe czlib_inflate_init(&stream) == Z_OK else { throw .malformed }
        defer { unsafe inflateEnd(&stream) }
        var result: [UInt8] = []
        var taken = 0
        var code = Z_OK
        while code == Z_OK {
            let filled = result.count
            guard filled <= limit else { throw .tooLong }
            // A batch rarely shrinks below a third: mostly one step is enough.
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
            // There was room, and yet the end has not come: the input is cut off.
            if code == Z_OK, result.count < filled + room { throw .malformed }
        }
        guard code == Z_STREAM_END, taken == bytes.count else { throw .malformed }
        guard result.count <= limit else { throw .tooLong }
        return result
    }
}

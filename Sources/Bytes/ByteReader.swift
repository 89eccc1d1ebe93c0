/// Reads bytes from outside; every length is checked before use.
package struct ByteReader {
    private let bytes: ArraySlice<UInt8>
    package private(set) var offset: Int

    package init(_ bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
        offset = bytes.startIndex
    }
    package init(_ bytes: [UInt8]) { self.init(bytes[...]) }

    package var remaining: Int { bytes.endIndex - offset }

    package mutating func byte() throws(MalformedBytes) -> UInt8 {
        guard offset < bytes.endIndex else { throw MalformedBytes(at: offset, "1 byte expected, 0 left") }
        defer { offset += 1 }
        return bytes[offset]
    }

    package mutating func raw(_ count: Int) throws(MalformedBytes) -> ArraySlice<UInt8> {
        guard count >= 0, count <= remaining else {
            throw MalformedBytes(at: offset, "\(count) bytes expected, \(remaining) left")
        }
        defer { offset += count }
        return bytes[offset..<offset + count]
    }

    package mutating func fixed<Integer: FixedWidthInteger>(_: Integer.Type = Integer.self) throws(MalformedBytes) -> Integer {
        var value: Integer = 0
        for (index, byte) in try raw(Integer.bitWidth / 8).enumerated() {
            value |= Integer(truncatingIfNeeded: byte) << (8 * index)
        }
        return value
    }

    package mutating func varint() throws(MalformedBytes) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while true {
            let next = try byte()
            guard shift < 63 || next <= 1 else { throw MalformedBytes(at: offset, "a varint is longer than 64 bits") }
            value |= UInt64(next & 0x7f) << shift
            if next < 0x80 { return value }
            shift += 7
        }
    }

    package mutating func zigzag() throws(MalformedBytes) -> Int64 {
        let value = try varint()
        return Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
    }

    /// A count or length of at most `limit`.
    package mutating func count(upTo limit: Int) throws(MalformedBytes) -> Int {
        let start = offset
        let value = try varint()
        guard value <= UInt64(limit) else { throw MalformedBytes(at: start, "a count of \(value), the limit is \(limit)") }
        return Int(value)
    }

    /// Lends the remaining bytes to `body`, and skips as many of them as `body` returns.
    package mutating func consume(_ body: (UnsafeBufferPointer<UInt8>) throws(MalformedBytes) -> Int) throws(MalformedBytes) {
        var failure: MalformedBytes?
        offset += unsafe bytes[offset...].withUnsafeBufferPointer { rest in
            do throws(MalformedBytes) { return min(rest.count, unsafe try body(rest)) } catch {
                failure = error
                return 0
            }
        }
        if let failure { throw failure }
    }

    /// A zigzag-coded whole number; an error if the value does not fit the type.
    package mutating func integer<Integer: FixedWidthInteger>(_: Integer.Type = Integer.self) throws(MalformedBytes) -> Integer {
        let start = offset
        let value = try zigzag()
        guard let narrow = Integer(exactly: value) else { throw MalformedBytes(at: start, "the value \(value) is out of range") }
        return narrow
    }

    package mutating func text(limit: Int) throws(MalformedBytes) -> String {
        let start = offset
        let bytes = try raw(count(upTo: limit))
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw MalformedBytes(at: start, "the text is not UTF-8")
        }
        return text
    }

    package mutating func blob(limit: Int) throws(MalformedBytes) -> ArraySlice<UInt8> { try raw(count(upTo: limit)) }

    package func expectEnd() throws(MalformedBytes) {
        guard remaining == 0 else { throw MalformedBytes(at: offset, "\(remaining) bytes too many") }
    }
}

/// Bytes that do not follow their format: the offset, and the expected content.
package struct MalformedBytes: Error, Equatable, CustomStringConvertible {
    package let offset: Int
    package let expected: String
    package init(at offset: Int, _ expected: String) {
        self.offset = offset
        self.expected = expected
    }
    package var description: String { "byte \(offset): \(expected)" }
}

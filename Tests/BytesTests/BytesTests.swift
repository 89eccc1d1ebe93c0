import Bytes
import Testing

@Suite struct BytesTests {
    @Test(arguments: [UInt64(0), 1, 127, 128, 300, 1 << 63, .max])
    func `a varint decodes to the encoded value`(value: UInt64) throws {
        var writer = ByteWriter()
        writer.varint(value)
        var reader = ByteReader(writer.bytes)
        #expect(try reader.varint() == value)
        try reader.expectEnd()
    }

    @Test(arguments: [Int64(0), -1, 1, .min, .max])
    func `zigzag encoding keeps the sign`(value: Int64) throws {
        var writer = ByteWriter()
        writer.zigzag(value)
        var reader = ByteReader(writer.bytes)
        #expect(try reader.zigzag() == value)
    }

    @Test func `fixed-size integers are little-endian, including signed ones`() throws {
        var writer = ByteWriter()
        writer.fixed(UInt32(0x0102_0304))
        writer.fixed(Int16(-2))
        #expect(writer.bytes == [4, 3, 2, 1, 0xFE, 0xFF])
        var reader = ByteReader(writer.bytes)
        #expect(try reader.fixed(UInt32.self) == 0x0102_0304)
        #expect(try reader.fixed(Int16.self) == -2)
    }

    @Test func `bytes that are truncated, too long or not text are refused`() {
        #expect(throws: MalformedBytes.self) {
            var reader = ByteReader([0x80]); _ = try reader.varint()
        }
        #expect(throws: MalformedBytes.self) {
            var reader = ByteReader([UInt8](repeating: 0xFF, count: 11)); _ = try reader.varint()
        }
        #expect(throws: MalformedBytes.self) {
            var reader = ByteReader([5, 65]); _ = try reader.text(limit: 10)
        }
        #expect(throws: MalformedBytes.self) {
            var reader = ByteReader([2, 65, 66]); _ = try reader.text(limit: 1)
        }
        #expect(throws: MalformedBytes.self) {
            var reader = ByteReader([1, 0xFF]); _ = try reader.text(limit: 1)
        }
        #expect(throws: MalformedBytes.self) { try ByteReader([1]).expectEnd() }
    }

    @Test func `CRC-32C matches the published check values`() {
        // RFC 3720, appendix B.4 has test vectors for this polynomial; "123456789" is the usual check string.
        #expect(CRC32C.checksum(Array("123456789".utf8)) == 0xE306_9283)
        #expect(CRC32C.checksum([UInt8](repeating: 0, count: 32)) == 0x8A91_36AA)
    }
}

import Deflate
import Testing

@Suite struct DeflateTests {
    private let text = Array(String(repeating: "45.1 %, 20.3 °C; ", count: 300).utf8)
    /// `printf mist | gzip -n | xxd -i`
    private let gzip: [UInt8] = [
        0x1f, 0x8b, 0x08, 0, 0, 0, 0, 0, 0, 0x03, 0xcb, 0xcd, 0x2c, 0x2e, 0x01, 0, 0x7d, 0x9f, 0x74, 0xfc, 0x04, 0, 0, 0,
    ]

    @Test func `compressed data expands to the original, and never beyond the limit`() throws {
        let short = try #require(Deflate.compressed(text))
        #expect(short.count < text.count / 10)
        #expect(try Deflate.decompressed(short, limit: text.count) == text)
        #expect(throws: Deflate.DecompressionError.tooLong) { try Deflate.decompressed(short, limit: text.count - 1) }
        #expect(throws: Deflate.DecompressionError.tooLong) { try Deflate.decompressed(short, limit: 0) }
    }

    @Test func `a gzip frame is accepted`() throws {
        #expect(try Deflate.decompressed(gzip, limit: 4) == Array("mist".utf8))
    }

    @Test func `data that does not shrink is not compressed`() {
        #expect(Deflate.compressed([]) == nil)
        #expect(Deflate.compressed([7]) == nil)
        #expect(Deflate.compressed((0..<256).map { UInt8(truncatingIfNeeded: $0 &* 167) }) == nil)
    }

    @Test func `truncated data and trailing bytes are refused, and a flipped bit never changes the content`() throws {
        let short = try #require(Deflate.compressed(text))
        for length in short.indices {
            #expect(throws: Deflate.DecompressionError.self) { try Deflate.decompressed(Array(short.prefix(length)), limit: 1 << 16) }
        }
        #expect(throws: Deflate.DecompressionError.malformed) { try Deflate.decompressed(short + [0], limit: 1 << 16) }
        for place in short.indices {
            for bit in 0..<8 {
                var damaged = short
                damaged[place] ^= 1 << bit
                // A flipped bit of the header may have no effect; the content is then the same.
                if let decompressed = try? Deflate.decompressed(damaged, limit: 1 << 16) { #expect(decompressed == text) }
            }
        }
    }

    @Test func `a decompression bomb stops at the limit`() throws {
        var bomb = [UInt8](repeating: 0, count: 1 << 24)
        bomb = try #require(Deflate.compressed(bomb))
        #expect(bomb.count < 1 << 16)
        #expect(throws: Deflate.DecompressionError.tooLong) { try Deflate.decompressed(bomb, limit: 1 << 20) }
    }
}

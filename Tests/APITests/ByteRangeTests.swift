import Testing

@testable import API

@Suite struct ByteRangeTests {
    @Test func `a byte range is clipped to the file, and an invalid range is ignored`() {
        #expect(ByteRange.parse("bytes=0-9", length: 100) == 0...9)
        #expect(ByteRange.parse("bytes=90-", length: 100) == 90...99)
        #expect(ByteRange.parse("bytes=-5", length: 100) == 95...99)
        #expect(ByteRange.parse("bytes=50-999", length: 100) == 50...99)
        for header in ["bytes=100-", "bytes=9-3", "bytes=-", "bytes=a-b", "lines=1-2", "bytes=0-1,3-4", "bytes=-0"] {
            #expect(ByteRange.parse(header, length: 100) == nil)
        }
    }
}

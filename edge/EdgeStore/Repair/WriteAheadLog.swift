internal import Bytes
internal import Runtime

/// Looks into a write-ahead log before SQLite does. SQLite takes it up to the first frame that does not match its checksum, and
/// says nothing of what comes after: right for a commit that a power cut tore, but a flipped bit takes back commits as well.
///
/// Source of the format: "Database File Format", section 4, sqlite.org/fileformat2.html.
enum WriteAheadLog {
    private static let limit = 64 << 20

    /// Whether whole commits follow a frame that is damaged, or the header is.
    static func hasLostCommits(_ path: String) -> Bool {
        guard let bytes = try? Files.read(path, limit: limit), bytes.count > 32 else { return false }
        func word(_ at: Int) -> UInt32 { bytes[at..<at + 4].reduce(0) { $0 << 8 | UInt32($1) } }
        let isBigEndian = word(0) & 1 == 1
        func sum(_ range: Range<Int>, _ start: (UInt32, UInt32)) -> (UInt32, UInt32) {
            var (a, b) = start
            for at in stride(from: range.lowerBound, to: range.upperBound, by: 8) {
                a = a &+ (isBigEndian ? word(at) : word(at).byteSwapped) &+ b
                b = b &+ (isBigEndian ? word(at + 4) : word(at + 4).byteSwapped) &+ a
            }
            return (a, b)
        }
        let page = Int(word(8))
        guard word(0) & ~1 == 0x377F_0682, page >= 512, page <= 65_536, page.nonzeroBitCount == 1 else { return true }
        var running = sum(0..<24, (0, 0))
        guard running == (word(24), word(28)) else { return true }
        var isDamaged = false
        var commitsAfter = 0
        for frame in stride(from: 32, through: bytes.count - 24 - page, by: 24 + page) {
            // Frames of an earlier turn of the log have other salts.
            guard word(frame + 8) == word(16), word(frame + 12) == word(20) else {
                // One flipped bit in the salt itself looks like the end, unless the turn goes on behind it.
                isDamaged = true
                continue
            }
            if !isDamaged {
                running = sum(frame + 24..<frame + 24 + page, sum(frame..<frame + 8, running))
                isDamaged = running != (word(frame + 16), word(frame + 20))
                if !isDamaged { continue }
                // The last commit of all may have been torn while it was written: it was never promised.
                commitsAfter = -1
            }
            if word(frame + 4) != 0 { commitsAfter += 1 }
        }
        return commitsAfter > 0
    }
}

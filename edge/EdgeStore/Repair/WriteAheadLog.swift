internal import Bytes
internal import Runtime

/// Checks a write-ahead log before SQLite opens it. SQLite reads the log up to the first frame with a wrong checksum and silently ignores all
/// later frames. This is right after a power cut, which leaves one incomplete commit. After a flipped bit, SQLite ignores complete commits too.
///
/// Source of the format: "Database File Format", section 4, sqlite.org/fileformat2.html.
enum WriteAheadLog {
    private static let limit = 64 << 20

    /// Whether complete commits follow a damaged frame, or the header is damaged.
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
            // Frames written before the log's last restart have other salts.
            guard word(frame + 8) == word(16), word(frame + 12) == word(20) else {
                // A flipped bit in a salt looks like the end of the log, unless valid frames follow.
                isDamaged = true
                continue
            }
            if !isDamaged {
                running = sum(frame + 24..<frame + 24 + page, sum(frame..<frame + 8, running))
                isDamaged = running != (word(frame + 16), word(frame + 20))
                if !isDamaged { continue }
                // If only the last commit is damaged, a power cut interrupted it before it was acknowledged: it does not count as lost.
                commitsAfter = -1
            }
            if word(frame + 4) != 0 { commitsAfter += 1 }
        }
        return commitsAfter > 0
    }
}

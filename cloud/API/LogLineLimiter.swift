internal import Synchronization

/// Limits repeated log lines of a device: the first line is logged at once, then at most one line a minute with the sum since the last line.
final class LogLineLimiter: Sendable {
    private struct Entry {
        var sum: Int
        var nextAt: ContinuousClock.Instant
    }

    private static let pause: Duration = .seconds(60)
    private static let limit = 10_000
    private let entries = Mutex<[Int64: Entry]>([:])

    /// - Returns: the sum to log now, or `nil` if no line is due.
    func count(_ amount: Int, of device: Int64) -> Int? {
        entries.withLock { entries in
            if entries.count >= LogLineLimiter.limit { entries = [:] }
            let now = ContinuousClock.now
            let sum = (entries[device]?.sum ?? 0) + amount
            guard now >= entries[device]?.nextAt ?? now else {
                entries[device]?.sum = sum
                return nil
            }
            entries[device] = Entry(sum: 0, nextAt: now + LogLineLimiter.pause)
            return sum
        }
    }
}

/// When pending rows are committed: all rows that arrive within one period are in one commit. While commits fail, the schedule backs off.
///
/// A value type without a clock: the caller passes the time.
struct CommitSchedule: Sendable {
    private static let shortestBackoff: Duration = .seconds(1)
    private static let longestBackoff: Duration = .seconds(30)

    private let period: Duration
    private var backoff: Duration = .zero
    private(set) var nextAt: ContinuousClock.Instant

    /// - Parameter period: the longest time that a row stays pending while the store accepts rows.
    init(period: Duration, now: ContinuousClock.Instant) {
        self.period = period
        nextAt = now
    }

    /// Whether the last commit failed.
    var isBackingOff: Bool { backoff > .zero }

    func isDue(at now: ContinuousClock.Instant) -> Bool { now >= nextAt }

    mutating func committed(at now: ContinuousClock.Instant) {
        backoff = .zero
        nextAt = now + period
    }

    mutating func failed(at now: ContinuousClock.Instant) {
        backoff = min(Self.longestBackoff, max(Self.shortestBackoff, backoff * 2))
        nextAt = now + backoff
    }
}

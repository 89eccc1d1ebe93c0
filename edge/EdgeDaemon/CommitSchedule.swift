/// When rows that wait are committed: those that arrive within one period together, later and later while the store takes none.
///
/// A value: the caller says what time it is.
struct CommitSchedule: Sendable {
    private static let shortestBackoff: Duration = .seconds(1)
    private static let longestBackoff: Duration = .seconds(30)

    private let period: Duration
    private var backoff: Duration = .zero
    private(set) var nextAt: ContinuousClock.Instant

    /// - Parameter period: the longest time that a row waits for its commit while the store takes rows.
    init(period: Duration, now: ContinuousClock.Instant) {
        self.period = period
        nextAt = now
    }

    /// The last commit failed.
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

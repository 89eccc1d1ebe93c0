/// When the device asks the cloud for new key sets: once an hour, after a failure in 5 minutes, and before it fetches a release.
struct KeySetSchedule: Sendable {
    private static let period: Duration = .seconds(3_600)
    private static let pauseAfterFailure: Duration = .seconds(300)
    private static let pauseBeforeRelease: Duration = .seconds(60)

    private var askedAt: ContinuousClock.Instant?
    private var dueAt: ContinuousClock.Instant?

    func isDue(at now: ContinuousClock.Instant, beforeRelease: Bool) -> Bool {
        guard let askedAt, let dueAt else { return true }
        return now >= (beforeRelease ? min(dueAt, askedAt + KeySetSchedule.pauseBeforeRelease) : dueAt)
    }

    mutating func asked(at now: ContinuousClock.Instant) { (askedAt, dueAt) = (now, now + KeySetSchedule.period) }
    mutating func failed(at now: ContinuousClock.Instant) { dueAt = now + KeySetSchedule.pauseAfterFailure }
}

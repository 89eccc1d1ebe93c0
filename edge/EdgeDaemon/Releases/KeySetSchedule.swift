/// When the device asks the cloud for new key sets: once an hour, and 5 minutes after a failure. It also asks before it fetches a release.
struct KeySetSchedule: Sendable {
    private static let period: Duration = .seconds(3_600)
    private static let pauseAfterFailure: Duration = .seconds(300)

    private var dueAt: ContinuousClock.Instant?

    func isDue(at now: ContinuousClock.Instant) -> Bool { dueAt.map { now >= $0 } ?? true }

    mutating func asked(at now: ContinuousClock.Instant) { dueAt = now + KeySetSchedule.period }
    mutating func failed(at now: ContinuousClock.Instant) { dueAt = now + KeySetSchedule.pauseAfterFailure }
}

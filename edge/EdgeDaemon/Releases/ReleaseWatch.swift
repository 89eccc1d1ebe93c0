internal import EdgeStore
internal import Measures
internal import Runtime
internal import Wire

/// Compares the live errors of the release in use with those of its rival, and goes back to the last good release if the release in use is worse.
struct ReleaseWatch: Service {
    let store: ReadingStore
    let intake: ModelIntake
    let clock: ReadingClock
    let log: Log

    private var period: Duration { clock.isReplay ? .seconds(1) : .seconds(60) }

    func run() async throws {
        while true {
            try await Task.sleep(for: period)
            await intake.retrySave()
            do { try await check() } catch let error where !(error is CancellationError) {
                log(.warning, "live errors not read, retrying", ["error": "\(error)"])
            }
        }
    }

    func check() async throws {
        guard let active = intake.active.current, active.rival != nil else { return }
        let counter = active.name.counter
        let sums = try await store.read { try $0.comparisons.newest(RollbackRule.days, of: counter) }
        guard let reason = RollbackRule.reason(sums, elapsed: clock.now - active.since) else { return }
        await intake.goBack(from: counter, .liveError, detail: reason)
    }
}

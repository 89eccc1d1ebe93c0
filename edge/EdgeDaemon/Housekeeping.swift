internal import Measures
internal import Runtime

/// Enforces the retention, every ten minutes of the label clock's time and at least every ten of real time.
struct Housekeeping: Service {
    let store: ReadingStore
    let retention: ReadingStore.Retention
    let clock: LabelClock
    let log: Log

    func run() async throws {
        while true {
            do { try await store.enforce(retention, now: clock.now) } catch {
                log(.error, "retention not enforced", ["error": "\(error)"])
            }
            try await Task.sleep(for: clock.isReplay ? .seconds(10) : .seconds(600))
        }
    }
}

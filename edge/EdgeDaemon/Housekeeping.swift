internal import Measures
internal import Runtime

/// Enforces the retention and keeps the process small, every ten minutes (a replay's days are short: every ten seconds).
struct Housekeeping: Service {
    let store: ReadingStore
    let retention: ReadingStore.Retention
    let clock: LabelClock
    let log: Log

    func run() async throws {
        while true {
            try await Task.sleep(for: .seconds(10))
            ProcessMemory.releaseUnusedCode()
            do { try await store.enforce(retention, now: clock.now) } catch {
                log(.error, "retention not enforced", ["error": "\(error)"])
            }
            if !clock.isReplay { try await Task.sleep(for: .seconds(590)) }
        }
    }
}

internal import Measures
internal import Synchronization

/// Limits how often refused requests are recorded: once a minute per device name, ten a second in total. A full table of names is cleared.
final class RefusalRecordLimiter: Sendable {
    private struct State {
        var noted: [DeviceID: ContinuousClock.Instant] = [:]
        var allowance = 10.0  // records that may be made at once
        var at = ContinuousClock.now
    }

    private static let perSecond = 10.0
    private static let spacing: Duration = .seconds(60)  // the least time between two records for one name
    private static let limit = 4_096  // the most names in memory
    private let state = Mutex(State())

    /// - Returns: whether to record a refusal of this name now.
    func shouldRecord(for name: DeviceID, at now: ContinuousClock.Instant) -> Bool {
        state.withLock { state in
            if let noted = state.noted[name], now - noted < RefusalRecordLimiter.spacing { return false }
            let passed = Double((now - state.at).ms) / 1_000
            state.allowance = min(RefusalRecordLimiter.perSecond, state.allowance + passed * RefusalRecordLimiter.perSecond)
            state.at = now
            guard state.allowance >= 1 else { return false }
            state.allowance -= 1
            if state.noted.count >= RefusalRecordLimiter.limit { state.noted = state.noted.filter { now - $0.value < RefusalRecordLimiter.spacing } }
            if state.noted.count >= RefusalRecordLimiter.limit { state.noted = [:] }
            state.noted[name] = now
            return true
        }
    }
}

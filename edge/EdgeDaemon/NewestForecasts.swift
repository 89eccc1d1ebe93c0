package import Measures
internal import Synchronization

/// The newest forecast of each sensor, committed or not: what is shown while the disk takes nothing.
package final class NewestForecasts: Sendable {
    private let state = Mutex<[SensorName: ReadingStore.Outcome]>([:])
    package init() {}
    func put(_ outcome: ReadingStore.Outcome) { state.withLock { $0[outcome.sensor] = outcome } }
    package func of(_ sensor: SensorName) -> ReadingStore.Outcome? { state.withLock { $0[sensor] } }
}

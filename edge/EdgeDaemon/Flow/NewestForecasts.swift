internal import EdgeStore
package import Forecasting
package import Measures
internal import Synchronization

/// The newest forecast of each sensor, committed or pending. Shown while the disk accepts no rows.
package final class NewestForecasts: Sendable {
    private let state = Mutex<[SensorName: IssuedForecast]>([:])
    package init() {}
    func update(_ row: DerivedRow) { state.withLock { $0[row.sensor] = row.forecast } }
    package func of(_ sensor: SensorName) -> IssuedForecast? { state.withLock { $0[sensor] } }
}

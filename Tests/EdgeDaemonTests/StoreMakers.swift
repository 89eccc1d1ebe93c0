@testable import EdgeDaemon
import Forecasting
import Measures
import Testing

extension ReadingStore {
    /// Commits rows at once.
    /// - Returns: the keys of the readings among them.
    @discardableResult
    func append(_ rows: [NewRow], derived: [DerivedRow] = []) throws -> [Int64] {
        let readings = enqueue(rows)
        enqueue(derived)
        try commitPending()
        return readings.map(\.key)
    }
}

extension DerivedRow {
    /// A row whose forecast was made when its observation was.
    init(_ sensor: SensorName, _ observation: Observation, through: Int64, forecast: QuantileForecast? = nil, releaseCounter: UInt64 = 0) {
        self.init(
            sensor: sensor, observation: observation, through: through,
            forecast: forecast.map { IssuedForecast(forecast: $0, issuedAt: observation.validAt, releaseCounter: releaseCounter) })
    }
}

/// Waits until a condition holds: a test's time limit ends one that never does.
func eventually(_ isTrue: () async throws -> Bool) async throws {
    while try await !isTrue() { try await ContinuousClock().sleep(for: .milliseconds(1)) }
}

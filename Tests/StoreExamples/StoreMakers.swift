package import EdgeStore
package import Forecasting
package import Measures
import Runtime
import Wire

extension ReadingStore {
    /// A store in memory.
    package static func example(host: HostIdentity = .example) async throws -> ReadingStore {
        try await ReadingStore(path: ":memory:", host: host, log: Log("test", minimumLevel: .error))
    }

    /// Commits rows at once.
    /// - Returns: the keys of the readings among them.
    @discardableResult
    package func append(_ rows: [NewRow], derived: [DerivedRow] = []) throws -> [Int64] {
        let readings = enqueue(rows)
        enqueue(derived)
        try commitPending()
        return readings.map(\.key)
    }

    /// Registers a sensor.
    /// - Returns: its number.
    @discardableResult
    package func register(_ sensor: SensorName, kind: String = "simulated", step: Duration = .seconds(600)) throws -> Int64 {
        try register(SensorRecord(sensor: sensor, kind: kind, step: step))
        return try read { try $0.sensors.id(sensor) }
    }

    /// Every reading that can be sent, by epoch and sequence.
    package func sendable() throws -> [String: Reading] {
        var found: [String: Reading] = [:]
        for life in lives where life.last > 0 {
            var next: Int64 = 1
            while next <= life.last, let batch = try batch(of: life.epoch, from: next, through: life.last, limit: 5_000) {
                for (place, row) in batch.rows.enumerated() {
                    if case .reading(_, let reading) = row { found["\(life.epoch)/\(batch.first + Int64(place))"] = reading }
                }
                next = batch.last + 1
            }
        }
        return found
    }
}

extension HostIdentity {
    package static let example = HostIdentity(fingerprint: "host-a", bootID: "boot-1")
}

extension DerivedRow {
    /// A row whose forecast was issued at the time of its observation.
    package init(_ sensor: SensorName, _ observation: Observation, through: Int64, forecast: QuantileForecast? = nil, releaseCounter: UInt64 = 0) {
        self.init(
            sensor: sensor, observation: observation, through: through,
            forecast: forecast.map { IssuedForecast(forecast: $0, issuedAt: observation.validAt, releaseCounter: releaseCounter) })
    }
}

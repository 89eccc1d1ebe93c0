package import Forecasting
package import Measures

/// Queries about one sensor, by name. A sensor that is not in the store has no rows.
extension ReadingStore {
    package func newestObservation(of sensor: SensorName) throws -> Instant? {
        try read { tables in try tables.sensors.ids[sensor].flatMap { try tables.observations.newest(of: $0)?.at } }
    }

    /// The first observations after an instant, oldest first.
    package func observations(of sensor: SensorName, after since: Instant, limit: Int = .max) throws -> [Observation] {
        try read { tables in try tables.sensors.ids[sensor].map { try tables.observations.after(since, of: $0, limit: limit) } ?? [] }
    }

    /// - Parameter origin: `nil` for the newest.
    package func forecast(of sensor: SensorName, origin: Instant? = nil) throws -> IssuedForecast? {
        try read { tables in try tables.sensors.ids[sensor].flatMap { try tables.forecasts.forecast(of: $0, origin: origin) } }
    }

    /// The `takenAt` of the newest reading. The reading may lack a humidity.
    package func newestInstant(of sensor: SensorName) throws -> Instant? { try rawReadings(of: sensor, limit: 1).first?.takenAt }
}

package import Measures
internal import SQLite

/// Stores rows derived from readings in the commit of the readings, and deletes derived rows when a correction changes the readings.
extension StoreTables {
    /// Stores derived rows, and scores the forecasts whose target time has passed. A row that is already stored is ignored.
    mutating func save(_ rows: [DerivedRow]) throws {
        for row in rows {
            let sensor = try sensors.id(row.sensor)
            guard try observations.insert(row.observation, of: sensor, through: row.through) else { continue }
            if !row.isReobservation {
                try scores.add(row.observation, of: sensor, forecasts)
                if let comparison = row.comparison { try comparisons.add(comparison, of: sensor, at: row.observation.validAt) }
            }
            if let issued = row.forecast { try forecasts.insert(issued, of: sensor) }
        }
    }

    /// Stores observations of the time before the sensor's first stored observation, from which the forecaster starts. They have no readings in the log, so
    /// they are not sent to the cloud.
    /// - Returns: the number of stored observations.
    package mutating func addPast(_ past: [Observation], of sensor: SensorName) throws -> Int {
        let id = try sensors.id(sensor)
        let first = try observations.after(Instant(ms: 0), of: id, limit: 1).first?.validAt
        var stored = 0
        for observation in past where first.map({ observation.validAt < $0 }) ?? true {
            if try observations.insert(observation, of: id, through: 0) { stored += 1 }
        }
        return stored
    }

    /// Deletes the rows derived from readings whose time or value a record changes. The rows are derived again later. Runs in the transaction
    /// that stores the record, so that both changes are committed together.
    mutating func deleteDerived(of record: Record) throws {
        switch record {
        case .hole, .sensor, .rename: return
        case .clockCorrection(let correction):
            guard let key = try log.firstKey(of: correction) else { return }
            for sensor in sensors.ids.values.sorted() {
                try observations.delete(of: sensor, fromKey: key)
                try deleteForecastsAfterObservations(of: sensor)
            }
        case .calibration(let calibration):
            guard let sensor = sensors.ids[corrections.sensor(of: calibration)], let oldest = try oldestKey(of: sensor),
                let incompleteThrough = try observations.lastIncompleteBin(sensor, oldest: oldest)
            else { return }
            try observations.delete(of: sensor, after: max(calibration.from, incompleteThrough))
            try deleteForecastsAfterObservations(of: sensor)
        }
        derivedRevision += 1
    }

    private func deleteForecastsAfterObservations(of sensor: Int64) throws {
        try forecasts.delete(of: sensor, after: observations.newest(of: sensor)?.at ?? Instant(ms: 0))
    }

    private func oldestKey(of sensor: Int64) throws -> Int64? {
        let sourceIDs = corrections.sourceIDs(of: sensor, sensors).keys.map(String.init).joined(separator: ", ")
        var select = try database.prepare("SELECT MIN(key) FROM reading WHERE sensor IN (\(sourceIDs))")
        return try select.step() ? select.optionalInteger(0) : nil
    }
}

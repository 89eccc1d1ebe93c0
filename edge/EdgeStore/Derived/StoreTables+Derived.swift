internal import Measures
internal import SQLite

/// What is derived from readings: stored with them, and deleted where a correction changes them.
extension StoreTables {
    /// Stores derived rows, and scores the forecasts whose target time has come. Rows that are stored already change nothing.
    mutating func save(_ rows: [DerivedRow]) throws {
        for row in rows {
            let sensor = try sensors.id(row.sensor)
            guard try observations.insert(row.observation, of: sensor, through: row.through) else { continue }
            if !row.isReobservation { try scores.add(row.observation, of: sensor, forecasts) }
            if let issued = row.forecast { try forecasts.insert(issued, of: sensor) }
        }
    }

    /// Deletes what was derived from readings to which a record gives another time or value; it is derived from them again. In the
    /// transaction that stores the record: both are there, or neither.
    mutating func forgetDerived(of record: Record) throws {
        switch record {
        case .hole, .sensor, .rename: return
        case .clockCorrection(let correction):
            guard let key = try log.firstKey(of: correction) else { return }
            for sensor in sensors.ids.values.sorted() {
                try observations.delete(of: sensor, fromKey: key)
                try forgetForecastsAfterObservations(of: sensor)
            }
        case .calibration(let calibration):
            guard let sensor = sensors.ids[corrections.sensor(of: calibration)], let oldest = try oldestKey(of: sensor),
                let cut = try observations.cutByRetention(sensor, oldest: oldest)
            else { return }
            try observations.delete(of: sensor, after: max(calibration.from, cut))
            try forgetForecastsAfterObservations(of: sensor)
        }
        derivedRevision += 1
    }

    private func forgetForecastsAfterObservations(of sensor: Int64) throws {
        try forecasts.delete(of: sensor, after: observations.newest(of: sensor)?.at ?? Instant(ms: 0))
    }

    private func oldestKey(of sensor: Int64) throws -> Int64? {
        let sources = corrections.sources(of: sensor, sensors).keys.map(String.init).joined(separator: ", ")
        var select = try database.prepare("SELECT MIN(key) FROM reading WHERE sensor IN (\(sources))")
        return try select.step() ? select.optionalInteger(0) : nil
    }
}

package import Forecasting
package import Measures
internal import Observing
internal import SQLite

/// Observations, forecasts and their scores: what is derived from readings.
extension ReadingStore {
    /// Stores derived rows, and scores the forecasts whose target time has come. Rows that are stored already change nothing. Only inside
    /// a transaction.
    func save(_ rows: [DerivedRow]) throws {
        for row in rows {
            guard let sensor = sensors[row.sensor] else { throw StoreFault("the sensor \(row.sensor) is not registered") }
            var insert = try database.prepare("INSERT INTO observation VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING")
            try insert.bind(sensor, at: 1)
            try insert.bind(row.observation.validAt.ms, at: 2)
            try insert.bind(Milli.whole(row.observation.humidity.percent), at: 3)
            try insert.bind(row.observation.temperature.flatMap { Milli.whole($0.celsius) }, at: 4)
            try insert.bind(row.through, at: 5)
            try insert.run()
            guard database.changes > 0 else { continue }
            if !row.isReobservation { try score(row.observation, sensor) }
            guard let issued = row.forecast else { continue }
            var store = try database.prepare("INSERT INTO forecast VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING")
            try store.bind(ForecastKey.value(sensor: sensor, origin: issued.forecast.origin), at: 1)
            try store.bind(issued.issuedAt.ms, at: 2)
            try store.bind(Int64(bitPattern: issued.releaseCounter), at: 3)
            try store.bind(StoredForecast.bytes(issued.forecast), at: 4)
            try store.run()
        }
    }

    /// Forgets what the grid made of readings that a record gives another time or value; it is made again from the readings. Only
    /// inside a transaction: the record and what it takes back are one.
    func forgetDerived(of record: Record) throws {
        switch record {
        case .hole, .sensor, .rename: return
        case .clockCorrection(let correction):
            guard let key = try firstKey(of: correction) else { return }
            for sensor in sensors.values.sorted() { try forgetDerived(of: sensor, "through >= ?", key) }
        case .calibration(let calibration):
            guard let sensor = sensors[renames.renamed(calibration).sensor], let cut = try cutByRetention(sensor) else { return }
            try forgetDerived(of: sensor, "valid_at_ms > ?", max(calibration.from, cut).ms)
        }
        moulds = [:]
    }

    /// The end of the last bin of which retention has taken readings: up to there observations could not be made again.
    /// - Returns: `nil` where that is so of all of them.
    private func cutByRetention(_ sensor: Int64) throws -> Instant? {
        let sources = sources(of: sensor).keys.map(String.init).joined(separator: ", ")
        var select = try database.prepare("SELECT MIN(key) FROM reading WHERE sensor IN (\(sources))")
        guard try select.step(), let oldest = select.optionalInteger(0) else { return nil }
        var bins = try database.prepare(
            "SELECT MIN(CASE WHEN through < ?2 THEN 1 ELSE 2 END), MIN(CASE WHEN through >= ?2 THEN valid_at_ms END) FROM observation WHERE sensor = ?1"
        )
        try bins.bind(sensor, at: 1)
        try bins.bind(oldest, at: 2)
        guard try bins.step(), bins.integer(0) == 1 else { return Instant(ms: 0) }
        return bins.optionalInteger(1).map(Instant.init(ms:))
    }

    private func forgetDerived(of sensor: Int64, _ condition: String, _ value: Int64) throws {
        var delete = try database.prepare("DELETE FROM observation WHERE sensor = ? AND \(condition)")
        try delete.bind(sensor, at: 1)
        try delete.bind(value, at: 2)
        try delete.run()
        let newest = try newestObservation(sensor: sensor)?.at ?? Instant(ms: 0)
        try dropForecasts(ForecastKey.value(sensor: sensor, origin: newest) + 1..<(sensor + 1) << 40)
    }

    private func score(_ observation: Observation, _ sensor: Int64) throws {
        scoreSums = nil
        let validAt = observation.validAt
        for leadTime in ForecastShape.scored {
            // One that cannot be read is not scored: it must not keep readings from being stored.
            guard let due = try? forecast(sensor: sensor, origin: validAt - leadTime),
                let lead = due.forecast.leadTimes.firstIndex(of: leadTime)
            else { continue }
            var score = Score()
            score.add(due.forecast, lead: lead, actual: observation.humidity.percent)
            var upsert = try database.prepare(
                """
                INSERT INTO score VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
                    count = count + excluded.count, absolute_error = absolute_error + excluded.absolute_error,
                    persistence_error = persistence_error + excluded.persistence_error,
                    climatology_error = climatology_error + excluded.climatology_error, pinball = pinball + excluded.pinball,
                    covered = covered + excluded.covered
                """)
            try upsert.bind(validAt.ms / 86_400_000, at: 1)
            try upsert.bind(Int64(bitPattern: due.releaseCounter), at: 2)
            try upsert.bind(sensor, at: 3)
            try upsert.bind(leadTime.wholeSeconds, at: 4)
            try upsert.bind(score.count, at: 5)
            try upsert.bind(score.absoluteError, at: 6)
            try upsert.bind(score.persistenceError, at: 7)
            try upsert.bind(score.climatologyError, at: 8)
            try upsert.bind(score.pinball, at: 9)
            try upsert.bind(score.covered, at: 10)
            try upsert.run()
        }
    }

    /// - Parameter origin: `nil` for the newest.
    package func forecast(sensor: Int64, origin: Instant? = nil) throws -> IssuedForecast? {
        var select = try database.prepare("SELECT key, issued_at_ms, release, body FROM forecast WHERE key BETWEEN ? AND ? ORDER BY key DESC LIMIT 1")
        try select.bind(ForecastKey.value(sensor: sensor, origin: origin ?? Instant(ms: 0)), at: 1)
        try select.bind(ForecastKey.value(sensor: sensor, origin: origin ?? Instant.valid.upperBound), at: 2)
        guard try select.step() else { return nil }
        return IssuedForecast(
            forecast: try StoredForecast.forecast(select.blob(3), origin: ForecastKey.origin(select.integer(0))),
            issuedAt: Instant(ms: select.integer(1)), releaseCounter: UInt64(bitPattern: select.integer(2)))
    }

    /// The first observations of a sensor after an instant, oldest first.
    package func observations(sensor: Int64, since: Instant, limit: Int = .max) throws -> [Observation] {
        var observations: [Observation] = []
        try forEachObservation(of: sensor, since: since, limit: limit) { observations.append($0) }
        return observations
    }

    func forEachObservation(of sensor: Int64, since: Instant, limit: Int = .max, _ body: (Observation) throws -> Void) throws {
        var select = try database.prepare(
            "SELECT valid_at_ms, humidity_mpct, temperature_mc FROM observation WHERE sensor = ? AND valid_at_ms > ? ORDER BY valid_at_ms LIMIT ?")
        try select.bind(sensor, at: 1)
        try select.bind(since.ms, at: 2)
        try select.bind(Int64(limit), at: 3)
        while try select.step() {
            try body(
                Observation(
                    validAt: Instant(ms: select.integer(0)), humidity: RelativeHumidity(percent: Double(select.integer(1)) / 1_000),
                    temperature: select.optionalInteger(2).map { Temperature(celsius: Double($0) / 1_000) }))
        }
    }

    package func newestObservation(sensor: Int64) throws -> (at: Instant, through: Int64)? {
        var select = try database.prepare("SELECT valid_at_ms, through FROM observation WHERE sensor = ? ORDER BY valid_at_ms DESC LIMIT 1")
        try select.bind(sensor, at: 1)
        return try select.step() ? (Instant(ms: select.integer(0)), select.integer(1)) : nil
    }
}

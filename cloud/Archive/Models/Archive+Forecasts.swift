package import Measures

/// Forecasts that are kept for analysis, and their errors.
extension Archive {
    /// One lead time of a stored forecast.
    package struct StoredLead: Sendable, Equatable {
        package let lead: Duration
        package let quantilesMpct: [Int32]  // by level, thousandths of a percent

        package init(lead: Duration, quantilesMpct: [Int32]) { (self.lead, self.quantilesMpct) = (lead, quantilesMpct) }
    }

    package func hasForecast(of sensor: Sensor, from origin: Instant) throws -> Bool {
        try database.row(
            "SELECT 1 FROM stored_forecast WHERE device = ? AND sensor = ? AND origin_ms = ? LIMIT 1", sensor.deviceID, sensor.id, origin.ms) != nil
    }

    /// Stores a forecast. A forecast from the same origin is replaced.
    /// - Parameter release: the counter of the release that made it; `nil`: the damped anomaly.
    package func store(_ leads: [StoredLead], of sensor: Sensor, from origin: Instant, release: UInt64?) throws {
        try database.transaction(.lazy) {
            try database.changeEach(
                """
                INSERT INTO stored_forecast
                    (device, sensor, origin_ms, lead_s, release, p05_mpct, p10_mpct, p25_mpct, p50_mpct, p75_mpct, p90_mpct, p95_mpct)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                ON CONFLICT (device, sensor, origin_ms, lead_s) DO UPDATE SET release = excluded.release, p05_mpct = excluded.p05_mpct,
                    p10_mpct = excluded.p10_mpct, p25_mpct = excluded.p25_mpct, p50_mpct = excluded.p50_mpct, p75_mpct = excluded.p75_mpct,
                    p90_mpct = excluded.p90_mpct, p95_mpct = excluded.p95_mpct
                """,
                leads.map { lead in
                    [
                        .integer(sensor.deviceID), .integer(sensor.id), .integer(origin.ms), .integer(lead.lead.wholeSeconds),
                        release.map { Int64(bitPattern: $0) }.databaseValue,
                    ] + lead.quantilesMpct.map { .integer(Int64($0)) }
                })
        }
    }

    /// Deletes forecasts with an origin before an instant, at most `limit` rows.
    /// - Returns: the number of deleted rows.
    package func deleteForecasts(before instant: Instant, limit: Int) throws -> Int {
        try database.transaction(.lazy) {
            try database.run(
                """
                DELETE FROM stored_forecast WHERE (device, sensor, origin_ms, lead_s) IN (
                    SELECT device, sensor, origin_ms, lead_s FROM stored_forecast WHERE origin_ms < ? ORDER BY origin_ms LIMIT ?)
                """, instant.ms, limit)
        }
    }

    /// Errors of stored forecasts, for one release and one lead time.
    package struct ForecastErrors: Sendable, Equatable {
        package let device: String
        package let sensor: String
        package let release: UInt64?
        package let lead: Duration
        package let targets: Int64  // forecasts whose target was observed
        package let meanAbsoluteError: Double  // of the median, in %RH
        package let coverage: Double  // share of the targets within the 80 % interval
    }

    /// Errors by release and lead time.
    /// - Parameters:
    ///   - device: `nil`: all devices together, without names.
    ///   - since: forecasts with an origin at or after this instant.
    package func forecastErrors(of device: Device?, since: Instant) throws -> [ForecastErrors] {
        let names = device == nil ? "'', ''" : "d.name, s.name"
        let condition = device == nil ? "" : "AND f.device = \(device?.id ?? 0)"
        return try database.rows(
            """
            SELECT \(names), f.release, f.lead_s, COUNT(*), AVG(ABS(f.p50_mpct - CAST(b.humidity_sum_mpct AS DOUBLE PRECISION) / b.readings)),
                AVG(CASE WHEN b.humidity_sum_mpct >= f.p10_mpct * b.readings AND b.humidity_sum_mpct <= f.p90_mpct * b.readings THEN CAST(1 AS DOUBLE PRECISION) ELSE 0 END)
            FROM stored_forecast f JOIN sensor s ON s.device = f.device AND s.id = f.sensor JOIN device d ON d.id = f.device
            JOIN observation_bin b ON b.device = f.device AND b.sensor = f.sensor AND b.valid_at_ms = f.origin_ms + 1000 * f.lead_s
            WHERE b.readings > 0 AND f.origin_ms >= ? \(condition) GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
            """, since.ms
        ).map { row in
            ForecastErrors(
                device: row.text(0), sensor: row.text(1), release: row.optionalInteger(2).map { UInt64(bitPattern: $0) },
                lead: .seconds(row.integer(3)), targets: row.integer(4), meanAbsoluteError: row.double(5) / 1_000, coverage: row.double(6))
        }
    }
}

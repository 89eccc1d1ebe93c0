package import Measures

/// Means, minima and maxima of a sensor's observations over equal spans of time.
extension Archive {
    package struct ObservationSpan: Sendable, Equatable {
        package let end: Instant
        package let meanPct: Double  // of the observations, each with the same weight
        package let minimumPct: Double  // of the readings
        package let maximumPct: Double
        package let temperatureC: Double?
        package let observations: Int64
    }

    /// The spans that have observations, oldest first. Spans end at multiples of `step` since 1970 in UTC.
    /// - Parameters:
    ///   - from: only observations later than this.
    ///   - step: a multiple of the sensor's own step.
    package func observationSpans(of sensor: Sensor, after from: Instant, through: Instant, step: Duration) throws -> [ObservationSpan] {
        try database.rows(
            """
            SELECT (valid_at_ms + ?5 - 1) / ?5 AS span, COUNT(*), AVG(CAST(humidity_sum_mpct AS DOUBLE PRECISION) / readings),
                MIN(humidity_min_mpct), MAX(humidity_max_mpct),
                AVG(CASE WHEN temperature_readings > 0 THEN CAST(temperature_sum_mc AS DOUBLE PRECISION) / temperature_readings END)
            FROM observation_bin WHERE device = ?1 AND sensor = ?2 AND valid_at_ms > ?3 AND valid_at_ms <= ?4 AND readings > 0
            GROUP BY 1 ORDER BY 1
            """, sensor.deviceID, sensor.id, from.ms, through.ms, step.ms
        ).map { row in
            let mean = row.double(2) / 1_000
            return ObservationSpan(
                end: Instant(ms: row.integer(0) * step.ms), meanPct: mean,
                minimumPct: row.optionalInteger(3).map { Double($0) / 1_000 } ?? mean,
                maximumPct: row.optionalInteger(4).map { Double($0) / 1_000 } ?? mean, temperatureC: row.isNull(5) ? nil : row.double(5) / 1_000,
                observations: row.integer(1))
        }
    }
}

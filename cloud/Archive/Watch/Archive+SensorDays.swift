internal import Measures
package import Observing
package import Watch

/// Summaries of the complete days of each sensor, from which the watch judges the sensors.
extension Archive {
    /// A sensor whose observations reach beyond its last summary.
    package struct SensorToSummarise: Sendable {
        package let device: Int64
        package let sensor: Int64
        package let grid: TimeGrid
        package let after: Int64?  // the last day that has a summary
        package let through: Int64  // the last complete day
    }

    /// A day is complete when the sensor has readings this long after its end.
    private static let grace: Duration = .seconds(3 * 3_600)
    /// A new sensor is summarised at most this many days back; older summaries are deleted.
    private static let watchedDays: Int64 = 400

    package func sensorsToSummarise(after device: Int64, limit: Int) throws -> (found: [SensorToSummarise], last: Int64?) {
        let rows = try database.rows(
            """
            SELECT s.device, s.id, s.step_s, s.last_at_ms, (SELECT MAX(d.day) FROM sensor_day d WHERE d.device = s.device AND d.sensor = s.id) FROM sensor s
            WHERE s.device > ? AND s.observations > 0 AND s.last_at_ms IS NOT NULL ORDER BY s.device, s.id LIMIT ?
            """, device, limit)
        // A full page may cut off sensors of its last device, so this device moves to the next page, unless the page has no other device.
        let last = rows.last?.integer(0)
        let isFull = rows.count == limit
        let complete = isFull && rows.first?.integer(0) != last ? rows.filter { $0.integer(0) != last } : rows
        let found = complete.compactMap { row -> SensorToSummarise? in
            let through = (row.integer(3) - Archive.grace.ms) / 86_400_000 - 1
            guard let grid = try? Archive.grid(stepSeconds: row.integer(2), sensor: row.integer(1)), through > row.optionalInteger(4) ?? .min else {
                return nil
            }
            return SensorToSummarise(
                device: row.integer(0), sensor: row.integer(1), grid: grid, after: row.optionalInteger(4), through: through)
        }
        return (found, isFull ? complete.last?.integer(0) : nil)
    }

    /// The summaries of the days that have none yet.
    package func newDays(of sensor: SensorToSummarise) throws -> [SensorDay] {
        let first = max(sensor.after.map { $0 + 1 } ?? .min, sensor.through - Archive.watchedDays)
        var observations: [Observation] = []
        // Also read the bin that ends at midnight, so that the first hour of the first day has a previous value.
        try database.forEach(
            """
            SELECT valid_at_ms, readings, humidity_sum_mpct, temperature_readings, temperature_sum_mc FROM observation_bin
            WHERE device = ? AND sensor = ? AND valid_at_ms > ? AND valid_at_ms <= ? AND readings > 0 ORDER BY valid_at_ms
            """, sensor.device, sensor.sensor, first * 86_400_000 - 1, (sensor.through + 1) * 86_400_000
        ) { row in
            try Archive.observation(row, sensor: sensor.sensor).map { observations.append($0) }
        }
        return SensorDay.days(of: observations, grid: sensor.grid).filter { $0.day >= first }
    }

    package func store(_ days: [SensorDay], of sensor: SensorToSummarise) throws {
        var rows = days
        // A sensor without observations on its last day gets an empty summary, so that it is not summarised again and again.
        if rows.last?.day != sensor.through {
            rows.append(
                SensorDay(
                    day: sensor.through, share: 0, humidity: 0, vapourPressure: 0, saturationPressure: 100, change: 0, stillShare: 0, hours: 0))
        }
        try database.transaction {
            try database.changeEach(
                """
                INSERT INTO sensor_day (device, sensor, day, share, humidity_pct, vapour_hpa, saturation_hpa, change_pct, still_share, hours)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
                """,
                rows.map { day in
                    [
                        .integer(sensor.device), .integer(sensor.sensor), .integer(day.day), .real(day.share), .real(day.humidity),
                        .real(day.vapourPressure), .real(day.saturationPressure), .real(day.change), .real(day.stillShare), .real(day.hours),
                    ]
                })
            try database.run(
                "DELETE FROM sensor_day WHERE device = ? AND sensor = ? AND day < ?", sensor.device, sensor.sensor,
                sensor.through - Archive.watchedDays)
        }
    }

    /// The days of a sensor, without those in quarantine and those of a maintenance.
    package func sensorDays(_ device: Int64, _ sensor: Int64) throws -> [SensorDay] {
        try database.rows(
            """
            SELECT day, share, humidity_pct, vapour_hpa, saturation_hpa, change_pct, still_share, hours FROM sensor_day d WHERE device = ? AND sensor = ?
                AND NOT EXISTS (SELECT 1 FROM maintenance m WHERE m.device = d.device AND m.from_ms < (d.day + 1) * 86400000 AND m.until_ms > d.day * 86400000)
                AND NOT EXISTS (SELECT 1 FROM quarantine q WHERE q.device = d.device AND q.sensor = d.sensor AND q.from_day <= d.day
                    AND (q.until_day IS NULL OR q.until_day > d.day)) ORDER BY day
            """, device, sensor
        ).map { row in
            SensorDay(
                day: row.integer(0), share: row.double(1), humidity: row.double(2), vapourPressure: row.double(3), saturationPressure: row.double(4),
                change: row.double(5), stillShare: row.double(6), hours: row.double(7))
        }
    }
}

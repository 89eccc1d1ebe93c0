package import Measures
package import Observing
package import Wire

/// Queries for models, the page and the API.
extension Archive {
    package struct Sensor: Sendable {
        package let id: Int64
        package let device: DeviceID
        package let name: SensorName
        package let kind: String
        package let place: String
        package let grid: TimeGrid
        package let observations: Int64  // the number of bins, used to count device-days
        package let lastAt: Instant?  // time of the newest reading
        package let deviceID: Int64

        package var observedDays: Double { grid.days(observations) }
    }

    /// The sensors to show. Two kinds of rows are left out: old names of renamed sensors without observations of their own, and damaged rows, which
    /// `fleet` reports.
    /// - Parameter device: `nil` for the sensors of all devices, sorted by device and name.
    package func sensors(of device: DeviceID? = nil) throws -> [Sensor] {
        let rows = try database.rows(
            "SELECT \(Archive.sensorColumns) FROM device JOIN sensor s ON s.device = device.id WHERE \(Archive.isShown)"
                + (device == nil ? "" : " AND device.name = ?") + " ORDER BY device.name, s.name", device.map { [.text($0.name)] } ?? [])
        return rows.compactMap { try? Archive.sensor($0) }
    }

    /// An SQL condition for sensors with the alias `s`.
    static let isShown =
        "(s.observations > 0 OR NOT EXISTS (SELECT 1 FROM sensor_rename r WHERE r.device = s.device AND r.sensor = s.name))"
    static let sensorColumns = "s.id, device.name, s.name, s.kind, s.place, s.step_s, s.observations, s.last_at_ms, s.device"

    /// Reads a row of `sensorColumns`.
    /// - Throws: `ArchiveFault` that names the row.
    static func sensor(_ row: Row) throws -> Sensor {
        guard let device = DeviceID(row.text(1)), let name = SensorName(row.text(2)) else {
            throw ArchiveFault.damagedRow(
                "sensor \(row.integer(0)): «\(row.text(2))» of the device «\(row.text(1))» is not a valid name")
        }
        let grid = try grid(stepSeconds: row.integer(5), sensor: row.integer(0), name)
        let lastAt = row.optionalInteger(7).map(Instant.init(ms:))
        guard lastAt.map(Instant.valid.contains) ?? true, (0...(1 << 40)).contains(row.integer(6)) else {
            throw ArchiveFault.damagedRow(
                "sensor \(row.integer(0)) («\(name)»): last_at_ms is \(row.integer(7)), observations \(row.integer(6))")
        }
        return Sensor(
            id: row.integer(0), device: device, name: name, kind: row.text(3), place: row.text(4), grid: grid, observations: row.integer(6),
            lastAt: lastAt, deviceID: row.integer(8))
    }

    /// Days of observations of the whole fleet: two sensors that are observed for one day count as two days.
    package func observedDays() throws -> Double {
        let seconds = try database.integer(
            "SELECT CAST(COALESCE(SUM(observations * step_s), 0) AS BIGINT) FROM sensor WHERE observations > 0 AND step_s > 0")
        return Double(seconds ?? 0) / 86_400
    }

    /// Observations later than `since` and up to `through`, oldest first, at most `limit`.
    package func observations(
        of sensor: Sensor, since: Instant = Instant(ms: .min), through: Instant = Instant(ms: .max), limit: Int64 = .max
    ) throws -> [Observation] {
        var observations: [Observation] = []
        try database.forEach(
            """
            SELECT valid_at_ms, readings, humidity_sum_mpct, temperature_readings, temperature_sum_mc FROM observation_bin
            WHERE device = ? AND sensor = ? AND valid_at_ms > ? AND valid_at_ms <= ? AND readings > 0 ORDER BY valid_at_ms LIMIT ?
            """, sensor.deviceID, sensor.id, since.ms, through.ms, limit
        ) { row in
            try Archive.observation(row, sensor: sensor.id).map { observations.append($0) }
        }
        return observations
    }

    /// The last report of each device. A damaged report is skipped; `fleet` reports the damage.
    package func reports() throws -> [DeviceReport] {
        var reports: [DeviceReport] = []
        try database.forEach("SELECT report FROM device WHERE report IS NOT NULL") { row in
            if let report = try? ReportCoding.report(row.bytes(0)[...]) { reports.append(report) }
        }
        return reports
    }

    package struct Totals: Sendable, Equatable {
        package let devices: Int64
        package let batches: Int64
        package let readings: Int64
        package let logBytes: Int64
    }

    package func totals() throws -> Totals {
        let log = try database.row(
            "SELECT CAST(SUM(batches) AS BIGINT), CAST(SUM(readings) AS BIGINT), CAST(SUM(bytes) AS BIGINT) FROM log_month")
        return Totals(
            devices: try database.integer("SELECT COUNT(*) FROM device WHERE revoked_at_ms IS NULL") ?? 0, batches: log?.integer(0) ?? 0,
            readings: log?.integer(1) ?? 0, logBytes: log?.integer(2) ?? 0)
    }

    /// Holes of a device, newest first.
    package func holes(of device: Int64, limit: Int) throws -> [Hole] {
        var holes: [Hole] = []
        for row in try database.rows(
            "SELECT sensor, reason, from_ms, to_ms, readings FROM hole WHERE device = ? ORDER BY to_ms DESC LIMIT ?", device, Int64(limit))
        {
            guard let reason = Hole.Reason(name: row.text(1)) else { continue }
            holes.append(
                Hole(
                    sensor: row.optionalText(0).flatMap(SensorName.init), reason: reason, from: Instant(ms: row.integer(2)),
                    to: Instant(ms: row.integer(3)), count: row.integer(4)))
        }
        return holes
    }
}

extension TimeGrid {
    /// The days that a number of observations cover.
    func days(_ observations: Int64) -> Double { Double(observations) * Double(step.ms) / 86_400_000 }
}

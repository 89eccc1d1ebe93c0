package import Measures
internal import Observing

/// Weeks of observations: packed, and identified by the hash of their content.
///
/// The derivation marks a week as changed in the transaction that changes its observations. Changed weeks are packed later, each once, however often
/// they changed before.
extension Archive {
    /// Marks the weeks of these bins as changed.
    func markWeeksChanged(_ keys: [BinKey]) throws {
        // Sorted, so that two transactions never wait for each other.
        let weeks = Set(keys.map { SensorWeek(device: $0.device, sensor: $0.sensor, week: PackedWeek.week(of: $0.validAt)) }).sorted()
        try database.changeEach(
            """
            INSERT INTO sensor_week (device, sensor, week) VALUES (?, ?, ?)
            ON CONFLICT (device, sensor, week) DO UPDATE SET version = sensor_week.version + 1
            """, weeks.map { [.integer($0.device), .integer($0.sensor), .integer($0.week)] })
    }

    private struct SensorWeek: Hashable, Comparable {
        let device, sensor, week: Int64
        static func < (a: SensorWeek, b: SensorWeek) -> Bool { (a.device, a.sensor, a.week) < (b.device, b.sensor, b.week) }
    }

    /// Whether a device's observations are complete, apart from some newest batches. While they are derived again from the log, they are not.
    func isUpToDate(_ device: Int64) throws -> Bool {
        try database.row("SELECT 1 FROM device_log WHERE device = ? AND \(Archive.isFarBehind)", device) == nil
    }
    private static let isFarBehind = "(phase = \(DerivationState.Phase.clearing.rawValue) OR pending > 100)"

    /// Packs changed weeks of any sensor that ended before an instant. The caller has the claim `snapshots`.
    /// - Returns: the number of weeks packed; less than `limit` if no others are left.
    package func packWeeks(endedBefore instant: Instant, limit: Int) throws -> Int {
        let last = PackedWeek.week(of: instant) - 1
        let rows = try database.rows(
            """
            SELECT device, sensor, week, version FROM sensor_week w WHERE version <> packed_version AND week <= ?
            AND NOT EXISTS (SELECT 1 FROM device_log l WHERE l.device = w.device AND \(Archive.isFarBehind)) LIMIT ?
            """, last, limit)
        try database.transaction(.lazy) { for row in rows { try pack(row) } }
        return rows.count
    }

    /// Packs changed weeks of one sensor.
    /// - Returns: the number of weeks packed; less than `limit` if no others are left.
    func packWeeks(of device: Int64, _ sensor: Int64, limit: Int) throws -> Int {
        let rows = try database.rows(
            """
            SELECT device, sensor, week, version FROM sensor_week
            WHERE device = ? AND sensor = ? AND version <> packed_version ORDER BY week LIMIT ?
            """, device, sensor, limit)
        try database.transaction(.lazy) { for row in rows { try pack(row) } }
        return rows.count
    }

    /// - Parameter row: device, sensor, week and version.
    private func pack(_ row: Row) throws {
        let (device, sensor, week, version) = (row.integer(0), row.integer(1), row.integer(2), row.integer(3))
        let observations = try observations(device, sensor, PackedWeek.span(of: week))
        let bytes = PackedWeek(week: week, observations: observations).bytes
        let sha256 = PackedWeek.sha256(of: bytes)
        // If the derivation has changed the week since `version` was read, the week stays marked as changed.
        let changed = try database.run(
            """
            UPDATE sensor_week SET packed_version = ?4, observations = ?5, sha256 = ?6
            WHERE device = ?1 AND sensor = ?2 AND week = ?3 AND version = ?4
            """, device, sensor, week, version, observations.count, sha256)
        guard changed > 0, !observations.isEmpty else { return }
        try database.run(
            "INSERT INTO packed_week (device, sensor, week, sha256, body) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", device, sensor, week,
            sha256, bytes)
    }

    private func observations(_ device: Int64, _ sensor: Int64, _ span: (after: Instant, through: Instant)) throws -> [Observation] {
        var observations: [Observation] = []
        try database.forEach(
            """
            SELECT valid_at_ms, readings, humidity_sum_mpct, temperature_readings, temperature_sum_mc FROM observation_bin
            WHERE device = ? AND sensor = ? AND valid_at_ms > ? AND valid_at_ms <= ? AND readings > 0 ORDER BY valid_at_ms
            """, device, sensor, span.after.ms, span.through.ms
        ) { row in
            // A damaged bin is no observation. The derivation reports and repairs it, and then marks the week as changed.
            if let observation = try? Archive.observation(row, sensor: sensor) { observations.append(observation) }
        }
        return observations
    }

    /// Reads a row of time, readings, sum of humidity, readings with temperature, sum of temperature.
    static func observation(_ row: Row, sensor: Int64) throws -> Observation? {
        var bin = Bin(validAt: Instant(ms: row.integer(0)))
        (bin.count, bin.humiditySumMpct) = (row.integer(1), row.integer(2))
        (bin.temperatureCount, bin.temperatureSumMc) = (row.integer(3), row.integer(4))
        guard bin.isPlausible else { throw ArchiveFault.damagedBin(sensor: sensor, validAt: bin.validAt) }
        return bin.observation
    }
}

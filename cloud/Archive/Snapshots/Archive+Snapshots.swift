package import Measures
package import Observing
internal import Signing
internal import Text

/// Snapshots: sets of observations that never change, identified by the hash of their content.
extension Archive {
    package struct Snapshot: Sendable, Equatable {
        package let id: Int64
        package let sha256: String
        package let createdAt: Instant
        package let reason: String
        package let sensors: Int64
        package let weeks: Int64
        package let observations: Int64
        package let days: Double  // sum over the sensors of the days that their observations cover
        package let firstWeekAt: Instant?  // the beginning of the first week
        package let lastWeekAt: Instant?  // the end of the last week
    }

    /// One sensor of a snapshot.
    package struct SnapshotSensor: Sendable {
        package let device: String
        package let sensor: String
        package let grid: TimeGrid
        package let observations: Int64
        package let sha256: String
        let ids: (snapshot: Int64, device: Int64, sensor: Int64)

        package var days: Double { grid.days(observations) }
    }

    private static let weeksPerStep = 60

    /// Makes a snapshot of all observations of all sensors, without the weeks that are in quarantine. If nothing has changed since an earlier snapshot, returns that one.
    ///
    /// Packs one sensor after another, in transactions of at most 60 weeks, so that the ingest is not blocked for long. The next snapshot deletes an
    /// incomplete snapshot.
    /// - Parameters:
    ///   - patience: how long to wait while another program makes or deletes snapshots, or packs weeks.
    ///   - progress: called with the number of sensors that are done, and the number of all sensors.
    /// - Throws: `SnapshotsBusy` if another program has not finished in this time.
    package func makeSnapshot(
        reason: String, now: Instant, patience: Duration = .seconds(60), progress: @Sendable (_ done: Int, _ all: Int) -> Void = { _, _ in }
    ) async throws -> Snapshot {
        try await claimSnapshots(patience)
        defer { endClaim(.snapshots) }
        try await deleteIncompleteSnapshots()
        let sensors = try sensors()
        let id = try database.transaction {
            try database.row("INSERT INTO snapshot (created_at_ms, reason) VALUES (?, ?) RETURNING id", now.ms, reason)?.integer(0) ?? 0
        }
        for (number, sensor) in sensors.enumerated() {
            // While a device's observations are derived again, its earlier packed weeks are used.
            while try isUpToDate(sensor.deviceID), try packWeeks(of: sensor.deviceID, sensor.id, limit: Archive.weeksPerStep) == Archive.weeksPerStep
            {
                try Task.checkCancellation()
                await Task.yield()
            }
            try add(sensor, to: id)
            progress(number + 1, sensors.count)
            try Task.checkCancellation()
            await Task.yield()  // other calls of this archive get their turn
        }
        return try await complete(id)
    }

    /// Waits until no other program makes or deletes snapshots, or packs weeks.
    func claimSnapshots(_ patience: Duration) async throws {
        let deadline = ContinuousClock.now + patience
        while try !claim(.snapshots) {
            guard .now < deadline else { throw SnapshotsBusy() }
            try await Task.sleep(for: .milliseconds(100))
        }
    }

    package struct SnapshotsBusy: Error, CustomStringConvertible {
        package var description: String { "another program makes or deletes snapshots: try again when it has finished" }
    }

    private func add(_ sensor: Sensor, to snapshot: Int64) throws {
        try database.transaction(.lazy) {
            var weeks = SnapshotWeeks()
            try database.forEach(
                """
                SELECT week, observations, sha256 FROM sensor_week w WHERE device = ? AND sensor = ? AND observations > 0 AND NOT EXISTS (
                    SELECT 1 FROM quarantine q WHERE q.device = w.device AND q.sensor = w.sensor AND q.from_day < w.week * 7 + 4
                        AND (q.until_day IS NULL OR q.until_day > w.week * 7 - 3)) ORDER BY week
                """, sensor.deviceID, sensor.id
            ) { row in
                weeks.weeks.append(SnapshotWeeks.Week(week: row.integer(0), observations: row.integer(1), sha256: row.text(2)))
            }
            guard !weeks.weeks.isEmpty else { return }
            try database.run(
                """
                INSERT INTO snapshot_sensor (snapshot, device, sensor, device_name, sensor_name, step_s, observations, sha256, body)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
                """, snapshot, sensor.deviceID, sensor.id, sensor.device.name, sensor.name.name, sensor.grid.step.wholeSeconds,
                weeks.observations, weeks.sha256, weeks.bytes)
            try database.run(
                """
                UPDATE snapshot SET sensors = sensors + 1, weeks = weeks + ?2, observations = observations + ?3, days = days + ?4,
                    first_week = CASE WHEN first_week <= ?5 THEN first_week ELSE ?5 END,
                    last_week = CASE WHEN last_week >= ?6 THEN last_week ELSE ?6 END
                WHERE id = ?1
                """, snapshot, weeks.weeks.count, weeks.observations, sensor.grid.days(weeks.observations), weeks.weeks.first?.week,
                weeks.weeks.last?.week)
        }
    }

    private func complete(_ id: Int64) async throws -> Snapshot {
        let sensors = try snapshotSensors(id)
        var lines = ""
        for sensor in sensors { lines += "\(sensor.device)\t\(sensor.sensor)\t\(sensor.grid.step.wholeSeconds)\t\(sensor.sha256)\n" }
        let sha256 = Hexadecimal.text(SHA256.digest(Array(lines.utf8)))
        if try database.row("SELECT 1 FROM snapshot WHERE sha256 = ?", sha256) != nil {
            try await deleteIncompleteSnapshots()
        } else {
            try database.run("UPDATE snapshot SET sha256 = ? WHERE id = ?", sha256, id)
        }
        guard let snapshot = try snapshot(sha256: sha256) else {
            throw ArchiveFault.damagedRow("snapshot \(id) is missing")
        }
        return snapshot
    }

    /// All snapshots, newest first.
    /// Complete snapshots, newest first.
    /// - Parameter id: only snapshots with a lower id.
    package func snapshots(before id: Int64? = nil, limit: Int = .max) throws -> [Snapshot] {
        try snapshots("sha256 IS NOT NULL AND id < ?", [.integer(id ?? .max)], limit: limit)
    }

    package func snapshot(sha256: String) throws -> Snapshot? { try snapshots("sha256 = ?", [.text(sha256)]).first }

    /// The snapshots whose hash begins with a text, newest first.
    package func snapshots(prefix: String) throws -> [Snapshot] {
        guard prefix.utf8.allSatisfy({ (48...57).contains($0) || (97...102).contains($0) }) else { return [] }
        return try snapshots("sha256 LIKE ?", [.text(prefix + "%")])
    }

    private func snapshots(_ condition: String, _ values: [DatabaseValue], limit: Int = .max) throws -> [Snapshot] {
        let rows = try database.rows(
            """
            SELECT id, sha256, created_at_ms, reason, sensors, weeks, observations, days, first_week, last_week FROM snapshot
            WHERE \(condition) ORDER BY id DESC LIMIT ?
            """, values + [.integer(Int64(limit))])
        return rows.map { row in
            Snapshot(
                id: row.integer(0), sha256: row.text(1), createdAt: Instant(ms: row.integer(2)), reason: row.text(3), sensors: row.integer(4),
                weeks: row.integer(5), observations: row.integer(6), days: row.double(7),
                firstWeekAt: row.optionalInteger(8).map { PackedWeek.span(of: $0).after },
                lastWeekAt: row.optionalInteger(9).map { PackedWeek.span(of: $0).through })
        }
    }

    /// The sensors of a snapshot, sorted by device and sensor.
    package func sensors(of snapshot: Snapshot) throws -> [SnapshotSensor] { try snapshotSensors(snapshot.id) }

    private func snapshotSensors(_ id: Int64) throws -> [SnapshotSensor] {
        var sensors: [SnapshotSensor] = []
        try database.forEach(
            """
            SELECT device, sensor, device_name, sensor_name, step_s, observations, sha256 FROM snapshot_sensor WHERE snapshot = ?
            """, id
        ) { row in
            sensors.append(
                SnapshotSensor(
                    device: row.text(2), sensor: row.text(3), grid: try Archive.grid(stepSeconds: row.integer(4), sensor: row.integer(1)),
                    observations: row.integer(5), sha256: row.text(6), ids: (snapshot: id, device: row.integer(0), sensor: row.integer(1))))
        }
        return sensors.sorted { ($0.device, $0.sensor) < ($1.device, $1.sensor) }
    }

    package func weeks(of sensor: SnapshotSensor) throws -> SnapshotWeeks {
        let row = try database.row(
            "SELECT body FROM snapshot_sensor WHERE snapshot = ? AND device = ? AND sensor = ?", sensor.ids.snapshot, sensor.ids.device,
            sensor.ids.sensor)
        return try SnapshotWeeks(row?.bytes(0) ?? [])
    }

    /// The observations of one sensor in a snapshot, oldest first.
    /// - Throws: `ArchiveFault.damagedRow` if a week is missing or has another content than its hash says.
    package func observations(of sensor: SnapshotSensor) throws -> [Observation] {
        var observations: [Observation] = []
        observations.reserveCapacity(Int(sensor.observations))
        for week in try weeks(of: sensor).weeks {
            let row = try database.row(
                "SELECT body FROM packed_week WHERE device = ? AND sensor = ? AND week = ? AND sha256 = ?", sensor.ids.device, sensor.ids.sensor,
                week.week, week.sha256)
            guard let bytes = row?.bytes(0), PackedWeek.sha256(of: bytes) == week.sha256 else {
                throw ArchiveFault.damagedRow("the snapshot's week \(week.week) of \(sensor.device)/\(sensor.sensor) is missing or damaged")
            }
            observations += try PackedWeek(bytes).observations
        }
        return observations
    }
}

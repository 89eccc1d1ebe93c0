package import Measures

/// Detects changes that any program has made, for the event streams.
extension Archive {
    /// Values to compare between two calls: a different value means that the fleet or the models have changed. Each value is read from an index or a small
    /// table.
    package struct ChangeMarks: Sendable, Equatable {
        package let fleet: [Int64]
        package let models: [String]
    }

    package func changeMarks() throws -> ChangeMarks {
        var fleet = try ["audit", "alarm", "sensor_alarm"].map { try database.integer("SELECT MAX(id) FROM \($0)") ?? 0 }
        fleet.append(try database.integer("SELECT COUNT(*) FROM alarm WHERE ended_at_ms IS NULL") ?? 0)
        fleet.append(try database.integer("SELECT COUNT(*) FROM sensor_alarm WHERE ended_at_ms IS NULL") ?? 0)
        for row in try database.rows("SELECT state, number FROM state_total ORDER BY kind, state") { fleet += [row.integer(0), row.integer(1)] }
        var models: [String] = []
        for row in try database.rows(
            """
            SELECT (SELECT MAX(id) FROM run), (SELECT MAX(id) FROM rollout), (SELECT MAX(id) FROM alias_history), (SELECT MAX(counter) FROM release),
                (SELECT COUNT(*) FROM release_block), (SELECT COUNT(*) FROM release_stop WHERE ended_at_ms IS NULL)
            """)
        {
            models += (0..<6).map { String(row.optionalInteger($0) ?? 0) }
        }
        for row in try database.rows("SELECT id, step, failed_attempts FROM run WHERE ended_at_ms IS NULL ORDER BY id LIMIT 100") {
            models.append("run \(row.integer(0)) \(row.integer(1)) \(row.integer(2))")
        }
        for row in try database.rows("SELECT id, step, state, detail FROM rollout WHERE ended_at_ms IS NULL") {
            models.append("rollout \(row.integer(0)) \(row.integer(1)) \(row.text(2)) \(row.text(3))")
        }
        return ChangeMarks(fleet: fleet, models: models)
    }

    /// The subset of `devices` with batches that are not derived yet.
    package func underivedDevices(of devices: Set<Int64>) throws -> Set<Int64> {
        let rows = try database.rowsEach(
            "SELECT device FROM device_log WHERE device = ? AND through < last_batch", devices.sorted().map { [.integer($0)] })
        return Set(rows.joined().map { $0.integer(0) })
    }

    package func deviceNames(of devices: Set<Int64>) throws -> [DeviceID] {
        try database.rowsEach("SELECT name FROM device WHERE id = ?", devices.sorted().map { [.integer($0)] })
            .joined().compactMap { DeviceID($0.text(0)) }
    }

    /// Devices that have sent something to any server since a time; always empty for an archive in a folder, which has one server.
    ///
    /// Reads the whole table, a few milliseconds for 10,000 devices: an index on the time would make each batch more expensive.
    package func devicesSeenByAnyServer(since time: Instant, limit: Int) throws -> Set<Int64> {
        guard store.folder == nil else { return [] }
        return Set(try database.rows("SELECT id FROM device WHERE last_seen_at_ms >= ? LIMIT ?", time.ms, limit).map { $0.integer(0) })
    }
}

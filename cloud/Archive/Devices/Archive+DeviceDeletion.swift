package import Measures

/// Deletes devices with all their data. The data can be large, so it is deleted in steps: other devices wait for one step at most.
extension Archive {
    /// Removes a device from the fleet: its tokens and codes are invalid, no list shows the device, and its names are free. `deleteRows` then deletes
    /// its data.
    package func beginDeletion(of name: DeviceID, by attribution: Attribution, now: Instant) throws {
        try database.transaction {
            let device = try existingDevice(name)
            try database.lock(devices: [device.id])
            var totals = StateTotals()
            if let row = try database.row("SELECT state, sensor_states FROM device WHERE id = ?\(database.rowLock)", device.id) {
                totals.remove(DeviceState(rawValue: Int(row.integer(0))), row.optionalText(1).map(SensorCounts.init(text:)))
            }
            try changeTotals(totals)
            try database.run("INSERT INTO device_deletion (device, requested_at_ms) VALUES (?, ?)", device.id, now.ms)
            // Queries leave out devices whose name is not valid. Without the rows of these tables, nothing derives, judges or trains the device's data.
            try database.run(
                "UPDATE device SET name = ?, revoked_at_ms = ?, report = NULL, sensor_states = NULL, judge_due = 0, severity_rank = 9 WHERE id = ?",
                "#\(device.id)", now.ms, device.id)
            for table in Archive.tablesOfFirstStep { try database.run("DELETE FROM \(table) WHERE device = ?", device.id) }
            try database.run("DELETE FROM enrolment_code WHERE device = ?", name.name)
            try database.run("DELETE FROM alias WHERE name = ?", ReleaseAlias.device(name).name)
            ledgers[device.id] = nil
            try recordAudit("device deleted", of: name.name, by: attribution, now: now)
            try incrementAccessVersion()
        }
    }

    private static let tablesOfFirstStep = ["token", "former_name", "device_log", "device_tag", "sensor"]

    /// The tables with a column `device` that is a device's id.
    static let tablesByDevice = ArchiveTable.all.filter {
        $0.columns.contains("device") && !["enrolment_code", "device_deletion"].contains($0.name)
    }

    private static let rowsPerDeletion = 2_000
    private static let rowsWithBodyPerDeletion = 100
    /// The longest time for storing a batch that has arrived before the deletion began.
    private static let batchStoreLimit: Duration = .seconds(60)

    /// The devices whose data is not deleted completely.
    package func deletedDevices() throws -> [Int64] {
        try database.rows("SELECT device FROM device_deletion ORDER BY device").map { $0.integer(0) }
    }

    /// Deletes some of the rows of a deleted device. Call this function until it returns 0.
    /// - Returns: the number of deleted rows.
    package func deleteRows(of device: Int64) async throws -> Int {
        for table in Archive.tablesByDevice where table.name != "snapshot_sensor" {
            let deleted = try database.transaction(.lazy) { try deleteRows(of: device, from: table) }
            if deleted > 0 { return deleted }
        }
        return try await deleteSnapshots(of: device)
    }

    private func deleteRows(of device: Int64, from table: ArchiveTable) throws -> Int {
        try database.lock(devices: [device])
        // The id may belong to another device after the deletion has ended.
        guard try database.integer("SELECT 1 FROM device_deletion WHERE device = ?", device) != nil else { return 0 }
        guard table.name == "batch" else {
            return try database.run(
                table.deleteOfDevice, device, table.columns.contains("body") ? Archive.rowsWithBodyPerDeletion : Archive.rowsPerDeletion)
        }
        let rows = try database.rows(table.deleteOfDevice + " RETURNING received_at_ms, LENGTH(body)", device, Archive.rowsWithBodyPerDeletion)
        var bytes: [LogMonth: Int64] = [:]
        for row in rows { bytes[LogMonth(of: Instant(ms: row.integer(0))), default: 0] += row.integer(1) }
        try subtractFromLog(bytes)
        return rows.count
    }

    /// Deletes the snapshots that contain the device. Releases that were trained on them cannot be reproduced any more.
    /// - Throws: `SnapshotsBusy` if another program makes or deletes snapshots for longer than a minute.
    private func deleteSnapshots(of device: Int64) async throws -> Int {
        guard try database.integer("SELECT 1 FROM snapshot_sensor WHERE device = ? LIMIT 1", device) != nil else { return 0 }
        try await claimSnapshots(.seconds(60))
        defer { endClaim(.snapshots) }
        guard try database.integer("SELECT 1 FROM device_deletion WHERE device = ?", device) != nil else { return 0 }
        let deleted = try database.run(
            "UPDATE snapshot SET sha256 = NULL WHERE id IN (SELECT DISTINCT snapshot FROM snapshot_sensor WHERE device = ?)", device)
        try await deleteIncompleteSnapshots()
        return deleted
    }

    /// Ends the deletion of a device whose rows are deleted.
    /// - Returns: `false` if a batch that was being stored when the deletion began may still arrive: call `deleteRows` again later.
    package func endDeletion(of device: Int64, now: Instant) throws -> Bool {
        try database.transaction {
            let requestedAt = try database.integer("SELECT requested_at_ms FROM device_deletion WHERE device = ?", device)
            guard let requestedAt else { return true }
            guard Instant(ms: requestedAt) + Archive.batchStoreLimit <= now else { return false }
            try database.run("DELETE FROM device_deletion WHERE device = ?", device)
            try database.run("DELETE FROM device WHERE id = ?", device)
            return true
        }
    }
}

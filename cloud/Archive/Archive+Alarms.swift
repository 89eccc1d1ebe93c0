package import Measures

/// Alarms that the cloud raises about devices: a silent device cannot report its own silence, and two hosts under one name cannot detect each other.
extension Archive {
    package struct Alarm: Sendable, Equatable {
        package enum Kind: String, Sendable {
            case silent
            case duplicateHost = "two_hosts"
        }

        package let id: Int64
        package let kind: Kind
        package let device: DeviceID
        package let since: Instant
        package let endedAt: Instant?
    }

    /// Raises an alarm for every device that has sent nothing for longer than `limit`, and ends the alarm when the device sends again. The
    /// other kind of alarm, about a device name that two hosts use, ends here one day after the second host was last detected.
    /// - Parameter serverStartedAt: when the server began to listen: silence before this time does not count.
    package func updateSilenceAlarms(_ limit: Duration, serverStartedAt: Instant, now: Instant) throws {
        try database.transaction {
            var changes = try database.run(
                """
                INSERT INTO alarm (device, kind, since_ms, raised_at_ms)
                SELECT id, 'silent', last_seen_at_ms, ?1 FROM device d
                WHERE revoked_at_ms IS NULL AND last_seen_at_ms < ?3 AND ?2 < ?3
                    AND NOT EXISTS (SELECT 1 FROM alarm a WHERE a.device = d.id AND a.kind = 'silent' AND a.ended_at_ms IS NULL)
                """, now.ms, serverStartedAt.ms, (now - limit).ms)
            changes += try database.run(
                """
                UPDATE alarm SET ended_at_ms = ?1 WHERE ended_at_ms IS NULL AND kind = 'silent' AND EXISTS (
                    SELECT 1 FROM device d WHERE d.id = alarm.device AND (d.last_seen_at_ms > alarm.since_ms OR d.revoked_at_ms IS NOT NULL))
                """, now.ms)
            changes += try database.run(
                "UPDATE alarm SET ended_at_ms = ?1 WHERE ended_at_ms IS NULL AND kind = 'two_hosts' AND COALESCE(last_at_ms, since_ms) < ?2", now.ms,
                (now - Archive.duplicateHostAlarmDuration).ms)
            guard changes > 0 else { return }
            try database.run(
                "UPDATE device SET judge_due = 1 WHERE id IN (SELECT device FROM alarm WHERE raised_at_ms = ?1 OR ended_at_ms = ?1)", now.ms)
        }
    }

    /// The time from the last sign of a second host to the end of its alarm.
    private static let duplicateHostAlarmDuration: Duration = .seconds(86_400)

    /// Raises the alarm that two hosts send as this device, or extends the active alarm.
    func raiseDuplicateHostAlarm(_ device: Int64, at now: Instant) throws {
        let extended = try database.run(
            "UPDATE alarm SET last_at_ms = ? WHERE device = ? AND kind = 'two_hosts' AND ended_at_ms IS NULL", now.ms, device)
        guard extended == 0 else { return }
        try database.run(
            "INSERT INTO alarm (device, kind, since_ms, raised_at_ms, last_at_ms) VALUES (?1, 'two_hosts', ?2, ?2, ?2)", device, now.ms)
        try database.run("UPDATE device SET judge_due = 1 WHERE id = ?", device)
    }

    /// At most 100 alarms whose start or end is not delivered yet, oldest first.
    package func undeliveredAlarms() throws -> [Alarm] {
        try alarms("WHERE told = 0 OR (told = 1 AND ended_at_ms IS NOT NULL) ORDER BY a.id LIMIT 100")
    }

    package func alarms(of device: Int64, limit: Int64 = 20) throws -> [Alarm] {
        try alarms("WHERE a.device = ? ORDER BY a.id DESC LIMIT \(limit)", device)
    }

    package func silentDeviceCount() throws -> Int64 {
        try database.integer("SELECT COUNT(*) FROM alarm WHERE kind = 'silent' AND ended_at_ms IS NULL") ?? 0
    }

    /// Devices with an active alarm about two hosts.
    package func devicesWithDuplicateHost() throws -> Set<Int64> {
        var devices: Set<Int64> = []
        for row in try database.rows("SELECT device FROM alarm WHERE kind = 'two_hosts' AND ended_at_ms IS NULL") { devices.insert(row.integer(0)) }
        return devices
    }

    func hasDuplicateHost(_ device: Int64) throws -> Bool {
        try database.integer("SELECT COUNT(*) FROM alarm WHERE device = ? AND kind = 'two_hosts' AND ended_at_ms IS NULL", device) ?? 0 > 0
    }

    /// Marks the alarm's start as delivered, or the alarm's end if the alarm has ended.
    package func markDelivered(_ alarm: Alarm) throws {
        try database.run("UPDATE alarm SET told = ? WHERE id = ?", alarm.endedAt == nil ? Int64(1) : 2, alarm.id)
    }

    private func alarms(_ condition: String, _ values: any DatabaseConvertible...) throws -> [Alarm] {
        let rows = try database.rows(
            "SELECT a.id, d.name, a.since_ms, a.ended_at_ms, a.kind FROM alarm a JOIN device d ON d.id = a.device \(condition)",
            values.map(\.databaseValue))
        return rows.compactMap { row in
            guard let name = DeviceID(row.text(1)), let kind = Alarm.Kind(rawValue: row.text(4)) else { return nil }
            return Alarm(
                id: row.integer(0), kind: kind, device: name, since: Instant(ms: row.integer(2)),
                endedAt: row.optionalInteger(3).map(Instant.init(ms:)))
        }
    }
}

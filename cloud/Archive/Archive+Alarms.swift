package import Measures
internal import SQLite

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

    /// Raises an alarm for every device that has sent nothing for longer than `limit`, and ends the alarms of devices that have sent again. Also ends
    /// alarms about two hosts one day after the last sign of a second host.
    /// - Parameter serverStartedAt: when the server began to listen: silence before this time does not count.
    package func updateSilenceAlarms(_ limit: Duration, serverStartedAt: Instant, now: Instant) throws {
        try database.transaction {
            var raise = try database.prepare(
                """
                INSERT INTO alarm (device, kind, since_ms, raised_at_ms)
                SELECT id, 'silent', last_seen_at_ms, ?1 FROM device d
                WHERE revoked_at_ms IS NULL AND last_seen_at_ms IS NOT NULL AND MAX(last_seen_at_ms, ?2) < ?3
                    AND NOT EXISTS (SELECT 1 FROM alarm a WHERE a.device = d.id AND a.kind = 'silent' AND a.ended_at_ms IS NULL)
                """)
            try raise.bind(now.ms, at: 1)
            try raise.bind(serverStartedAt.ms, at: 2)
            try raise.bind((now - limit).ms, at: 3)
            try raise.run()
            var changes = database.changes
            var end = try database.prepare(
                """
                UPDATE alarm SET ended_at_ms = ?1 WHERE ended_at_ms IS NULL AND kind = 'silent' AND EXISTS (
                    SELECT 1 FROM device d WHERE d.id = alarm.device AND (d.last_seen_at_ms > alarm.since_ms OR d.revoked_at_ms IS NOT NULL))
                """)
            try end.bind(now.ms, at: 1)
            try end.run()
            changes += database.changes
            var over = try database.prepare(
                "UPDATE alarm SET ended_at_ms = ?1 WHERE ended_at_ms IS NULL AND kind = 'two_hosts' AND COALESCE(last_at_ms, since_ms) < ?2")
            try over.bind(now.ms, at: 1)
            try over.bind((now - Archive.duplicateHostAlarmDuration).ms, at: 2)
            try over.run()
            guard changes + database.changes > 0 else { return }
            var changed = try database.prepare(
                "UPDATE device SET judge_due = 1 WHERE id IN (SELECT device FROM alarm WHERE raised_at_ms = ?1 OR ended_at_ms = ?1)")
            try changed.bind(now.ms, at: 1)
            try changed.run()
        }
    }

    /// The time from the last sign of a second host to the end of its alarm.
    private static let duplicateHostAlarmDuration: Duration = .seconds(86_400)

    /// Raises the alarm that two hosts send as this device, or extends the active alarm.
    func raiseDuplicateHostAlarm(_ device: Int64, at now: Instant) throws {
        var update = try database.prepare("UPDATE alarm SET last_at_ms = ? WHERE device = ? AND kind = 'two_hosts' AND ended_at_ms IS NULL")
        try update.bind(now.ms, at: 1)
        try update.bind(device, at: 2)
        try update.run()
        guard database.changes == 0 else { return }
        var insert = try database.prepare(
            "INSERT INTO alarm (device, kind, since_ms, raised_at_ms, last_at_ms) VALUES (?1, 'two_hosts', ?2, ?2, ?2)")
        try insert.bind(device, at: 1)
        try insert.bind(now.ms, at: 2)
        try insert.run()
        try run("UPDATE device SET judge_due = 1 WHERE id = ?", device)
    }

    /// At most 100 alarms whose start or end is not delivered yet, oldest first.
    package func undeliveredAlarms() throws -> [Alarm] {
        try alarms("WHERE told = 0 OR (told = 1 AND ended_at_ms IS NOT NULL) ORDER BY a.id LIMIT 100", nil)
    }

    package func alarms(of device: Int64, limit: Int64 = 20) throws -> [Alarm] {
        try alarms("WHERE a.device = ? ORDER BY a.id DESC LIMIT \(limit)", device)
    }

    package func silentDeviceCount() throws -> Int64 {
        try database.integer("SELECT COUNT(*) FROM alarm WHERE kind = 'silent' AND ended_at_ms IS NULL") ?? 0
    }

    /// Devices with an active alarm about two hosts.
    package func devicesWithDuplicateHost() throws -> Set<Int64> {
        var select = try database.prepare("SELECT device FROM alarm WHERE kind = 'two_hosts' AND ended_at_ms IS NULL")
        var devices: Set<Int64> = []
        while try select.step() { devices.insert(select.integer(0)) }
        return devices
    }

    func hasDuplicateHost(_ device: Int64) throws -> Bool {
        try integer("SELECT COUNT(*) FROM alarm WHERE device = ? AND kind = 'two_hosts' AND ended_at_ms IS NULL", device) ?? 0 > 0
    }

    /// Marks the alarm's start as delivered, or the alarm's end if the alarm has ended.
    package func markDelivered(_ alarm: Alarm) throws {
        var update = try database.prepare("UPDATE alarm SET told = ? WHERE id = ?")
        try update.bind(alarm.endedAt == nil ? Int64(1) : 2, at: 1)
        try update.bind(alarm.id, at: 2)
        try update.run()
    }

    private func alarms(_ condition: String, _ device: Int64?) throws -> [Alarm] {
        var select = try database.prepare(
            "SELECT a.id, d.name, a.since_ms, a.ended_at_ms, a.kind FROM alarm a JOIN device d ON d.id = a.device \(condition)")
        if let device { try select.bind(device, at: 1) }
        var alarms: [Alarm] = []
        while try select.step() {
            guard let name = DeviceID(select.text(1)), let kind = Alarm.Kind(rawValue: select.text(4)) else { continue }
            alarms.append(
                Alarm(
                    id: select.integer(0), kind: kind, device: name, since: Instant(ms: select.integer(2)),
                    endedAt: select.optionalInteger(3).map(Instant.init(ms:))))
        }
        return alarms
    }
}

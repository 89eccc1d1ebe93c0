package import Measures
internal import SQLite

/// Devices that have fallen silent: a dead one cannot say so itself.
extension Archive {
    package struct Alarm: Sendable, Equatable {
        package let id: Int64
        package let device: DeviceID
        package let since: Instant
        package let endedAt: Instant?
    }

    /// Raises an alarm for every device that has not been heard of since `limit`, and ends those of devices that have.
    /// - Parameter upSince: when the server began to listen: before that nobody could be heard.
    package func watchSilence(_ limit: Duration, upSince: Instant, now: Instant) throws {
        try database.transaction {
            var raise = try database.prepare(
                """
                INSERT INTO alarm (device, kind, since_ms, raised_at_ms)
                SELECT id, 'silent', last_seen_at_ms, ?1 FROM device d
                WHERE revoked_at_ms IS NULL AND last_seen_at_ms IS NOT NULL AND MAX(last_seen_at_ms, ?2) < ?3
                    AND NOT EXISTS (SELECT 1 FROM alarm a WHERE a.device = d.id AND a.ended_at_ms IS NULL)
                """)
            try raise.bind(now.ms, at: 1)
            try raise.bind(upSince.ms, at: 2)
            try raise.bind((now - limit).ms, at: 3)
            try raise.run()
            var end = try database.prepare(
                """
                UPDATE alarm SET ended_at_ms = ?1 WHERE ended_at_ms IS NULL AND EXISTS (
                    SELECT 1 FROM device d WHERE d.id = alarm.device AND (d.last_seen_at_ms > alarm.since_ms OR d.revoked_at_ms IS NOT NULL))
                """)
            try end.bind(now.ms, at: 1)
            try end.run()
        }
    }

    /// Alarms whose beginning or end has not been told yet, oldest first.
    package func untoldAlarms() throws -> [Alarm] {
        try alarms("WHERE told = 0 OR (told = 1 AND ended_at_ms IS NOT NULL) ORDER BY a.id LIMIT 100", nil)
    }

    package func alarms(of device: Int64, limit: Int64 = 20) throws -> [Alarm] {
        try alarms("WHERE a.device = ? ORDER BY a.id DESC LIMIT \(limit)", device)
    }

    package func silentDevices() throws -> Int64 { try database.integer("SELECT COUNT(*) FROM alarm WHERE ended_at_ms IS NULL") ?? 0 }

    package func told(_ alarm: Alarm) throws {
        var update = try database.prepare("UPDATE alarm SET told = ? WHERE id = ?")
        try update.bind(alarm.endedAt == nil ? Int64(1) : 2, at: 1)
        try update.bind(alarm.id, at: 2)
        try update.run()
    }

    private func alarms(_ condition: String, _ device: Int64?) throws -> [Alarm] {
        var select = try database.prepare(
            "SELECT a.id, d.name, a.since_ms, a.ended_at_ms FROM alarm a JOIN device d ON d.id = a.device \(condition)")
        if let device { try select.bind(device, at: 1) }
        var alarms: [Alarm] = []
        while try select.step() {
            guard let name = DeviceID(select.text(1)) else { continue }
            alarms.append(
                Alarm(
                    id: select.integer(0), device: name, since: Instant(ms: select.integer(2)),
                    endedAt: select.optionalInteger(3).map(Instant.init(ms:))))
        }
        return alarms
    }
}

package import Measures

/// The settings that an admin has chosen for a device.
extension Archive {
    package struct DeviceSettings: Sendable, Equatable {
        package let serial: UInt64
        package let changedAt: Instant
        package let author: String
        package let settings: [String: String]
    }

    /// - Returns: `nil` if nobody has chosen settings for the device.
    package func settings(of device: Int64) throws -> DeviceSettings? {
        guard let row = try database.row("SELECT serial, at_ms, author, settings FROM device_settings WHERE device = ?", device) else { return nil }
        var settings: [String: String] = [:]
        for line in row.text(3).split(separator: "\n") {
            let parts = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2 { settings[String(parts[0])] = String(parts[1]) }
        }
        return DeviceSettings(
            serial: UInt64(bitPattern: row.integer(0)), changedAt: Instant(ms: row.integer(1)), author: row.text(2), settings: settings)
    }

    /// Replaces the settings of a device.
    /// - Parameter settings: checked by `RemoteSetting.problem`; empty: the device uses only its own configuration.
    package func setSettings(_ settings: [String: String], of name: DeviceID, by attribution: Attribution, now: Instant) throws {
        try database.transaction {
            let device = try existingDevice(name)
            let known = try self.settings(of: device.id)
            guard known?.settings ?? [:] != settings else { return }
            // The serial is at least the time in seconds since 1970, so serials keep rising after the archive is rebuilt.
            let serial = max((known?.serial ?? 0) + 1, UInt64(max(1, now.ms / 1_000)))
            let lines = settings.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
            try database.run(
                """
                INSERT INTO device_settings (device, serial, at_ms, author, settings) VALUES (?1, ?2, ?3, ?4, ?5)
                ON CONFLICT (device) DO UPDATE SET serial = ?2, at_ms = ?3, author = ?4, settings = ?5
                """, device.id, Int64(bitPattern: serial), now.ms, attribution.author, lines.joined(separator: "\n"))
            let detail = lines.isEmpty ? "none" : lines.joined(separator: ", ").truncated(toBytes: 1_000)
            try recordAudit("settings changed", of: name.name, detail, by: attribution, now: now)
        }
    }
}

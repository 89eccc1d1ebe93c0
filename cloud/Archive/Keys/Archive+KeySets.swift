package import Measures

/// The key sets of the fleet. The archive keeps all of them: a device that was offline needs every set since the one it has.
extension Archive {
    package struct StoredKeySet: Sendable {
        package let serial: UInt64
        package let at: Instant
        package let author: String
        package let reason: String
        package let text: String  // see ReleaseKeySet
    }

    /// Key sets, newest first.
    package func keySets(limit: Int) throws -> [StoredKeySet] { try keySets("ORDER BY serial DESC LIMIT ?", [.integer(Int64(limit))]) }

    /// The key sets that a device needs, oldest first.
    /// - Parameter serial: of the device's set. 0: the device has none, and may know only the newest keys, so it gets the newest sets.
    package func keySets(after serial: UInt64, limit: Int) throws -> [StoredKeySet] {
        if serial == 0 { return try keySets(limit: limit).reversed() }
        return try keySets("WHERE serial > ? ORDER BY serial LIMIT ?", [.integer(Int64(clamping: serial)), .integer(Int64(limit))])
    }

    private func keySets(_ condition: String, _ values: [DatabaseValue]) throws -> [StoredKeySet] {
        try database.rows("SELECT serial, at_ms, author, reason, body FROM release_key_set \(condition)", values).map { row in
            StoredKeySet(
                serial: UInt64(bitPattern: row.integer(0)), at: Instant(ms: row.integer(1)), author: row.text(2), reason: row.text(3),
                text: row.text(4))
        }
    }

    /// Stores a key set in the transaction of a change: see `changeAliases`.
    package func insertKeySet(_ text: String, serial: UInt64, by attribution: Attribution, now: Instant) throws {
        try database.run(
            "INSERT INTO release_key_set VALUES (?, ?, ?, ?, ?)", Int64(bitPattern: serial), now.ms, attribution.author, attribution.reason, text)
        try recordAudit("release keys changed", of: "key set \(serial)", by: attribution, now: now)
    }

    /// Records the newest key set of a device.
    package func setKeySetSerial(_ serial: UInt64, of device: Int64) throws {
        guard let serial = Int64(exactly: serial) else { return }
        try database.run("UPDATE device SET key_set_serial = ? WHERE id = ? AND key_set_serial <> ?", serial, device, serial)
    }

    package func keySetSerial(of device: Int64) throws -> UInt64 {
        UInt64(bitPattern: try database.integer("SELECT key_set_serial FROM device WHERE id = ?", device) ?? 0)
    }

    /// How many devices have accepted the newest key set, and some of those that have not. Only devices that run the agent are counted.
    package func keySetReach(names limit: Int) throws -> (reached: Int64, devices: Int64, missing: [String]) {
        let newest = try database.integer("SELECT MAX(serial) FROM release_key_set") ?? 0
        let agents = "FROM device WHERE revoked_at_ms IS NULL AND report IS NOT NULL"
        let missing = try database.rows("SELECT name \(agents) AND key_set_serial < ? ORDER BY name LIMIT ?", newest, limit).map { $0.text(0) }
        return (
            try database.integer("SELECT COUNT(*) \(agents) AND key_set_serial >= ?", newest) ?? 0,
            try database.integer("SELECT COUNT(*) \(agents)") ?? 0,
            missing
        )
    }
}

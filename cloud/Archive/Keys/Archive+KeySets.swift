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
    package func keySets(after serial: UInt64 = 0, limit: Int) throws -> [StoredKeySet] {
        guard let after = Int64(exactly: serial) else { return [] }
        return try database.rows(
            "SELECT serial, at_ms, author, reason, body FROM release_key_set WHERE serial > ? ORDER BY serial DESC LIMIT ?", after, limit
        ).map { row in
            StoredKeySet(
                serial: UInt64(bitPattern: row.integer(0)), at: Instant(ms: row.integer(1)), author: row.text(2), reason: row.text(3),
                text: row.text(4))
        }
    }

    /// Stores a key set in the transaction of a change: see `changeAliases`.
    package func insertKeySet(_ text: String, serial: UInt64, by attribution: Attribution, now: Instant) throws {
        try database.run(
            "INSERT INTO release_key_set VALUES (?, ?, ?, ?, ?)", Int64(bitPattern: serial), now.ms, attribution.author, attribution.reason, text)
    }

    /// Records the newest key set of a device.
    package func setKeySetSerial(_ serial: UInt64, of device: Int64) throws {
        guard let serial = Int64(exactly: serial) else { return }
        try database.run("UPDATE device SET key_set_serial = ? WHERE id = ? AND key_set_serial <> ?", serial, device, serial)
    }

    package func keySetSerial(of device: Int64) throws -> UInt64 {
        UInt64(bitPattern: try database.integer("SELECT key_set_serial FROM device WHERE id = ?", device) ?? 0)
    }

    /// The devices that have accepted the newest key set, and all devices that may do so.
    package func keySetReach() throws -> (reached: Int64, devices: Int64) {
        let row = try database.row(
            """
            SELECT COALESCE(SUM(CASE WHEN key_set_serial >= (SELECT COALESCE(MAX(serial), 0) FROM release_key_set) THEN 1 ELSE 0 END), 0), COUNT(*)
            FROM device WHERE revoked_at_ms IS NULL
            """)
        return (row?.integer(0) ?? 0, row?.integer(1) ?? 0)
    }
}

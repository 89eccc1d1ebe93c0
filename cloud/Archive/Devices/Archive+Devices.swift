package import Measures
internal import Signing
internal import Text

/// Devices and their tokens. Only hashes of tokens are stored.
extension Archive {
    package struct Device: Sendable, Equatable {
        package let id: Int64
        package let name: DeviceID
        package let createdAt: Instant
        package let revokedAt: Instant?
        package let lastSeenAt: Instant?
        package let place: String  // of the host, as an admin has written it; empty if unknown
        package var formerNames: Set<String> = []  // read only where a device is found by its token
    }

    /// Creates a device with a token, or admits a revoked device again with a new token.
    /// - Throws: `ArchiveFault.deviceExists` if the device exists and is not revoked.
    /// - Returns: the token: 32 random bytes in hexadecimal.
    package func addDevice(_ name: DeviceID, by attribution: Attribution, now: Instant) throws -> String {
        let token = Hexadecimal.text(try SecureRandom.bytes(32))
        try database.transaction {
            if let known = try device(named: name), known.revokedAt == nil {
                throw ArchiveFault.deviceExists(name)
            }
            let device = try createOrReinstateDevice(name, now: now)
            try database.run("DELETE FROM token WHERE device = ?", device)
            try insert(token: token, device, replaces: nil, now: now)
            try recordAudit("device added", of: name.name, by: attribution, now: now)
            try incrementAccessVersion()
        }
        return token
    }

    /// A number that rises with each change of a token or of a device's access. A cached lookup result is valid as long as the version is unchanged.
    package func accessVersion() throws -> Int64 { try database.integer("SELECT version FROM access_version") ?? 0 }

    func incrementAccessVersion() throws { try database.run("UPDATE access_version SET version = version + 1") }

    /// Creates the device if it does not exist, and removes its revocation.
    /// - Returns: the device's row id.
    func createOrReinstateDevice(_ name: DeviceID, now: Instant) throws -> Int64 {
        try checkNotFormerName(name)
        if let known = try device(named: name) {
            try database.run("UPDATE device SET revoked_at_ms = NULL, judge_due = 1 WHERE id = ?", known.id)
            return known.id
        }
        return try database.integer("INSERT INTO device (name, created_at_ms) VALUES (?, ?) RETURNING id", name.name, now.ms) ?? 0
    }

    func insert(token: String, _ device: Int64, replaces: String?, now: Instant) throws {
        try database.run(
            "INSERT INTO token (sha256, device, created_at_ms, replaces) VALUES (?, ?, ?, ?)", Archive.hash(token), device, now.ms, replaces)
    }

    package func revoke(_ name: DeviceID, by attribution: Attribution, now: Instant) throws {
        let device = try existingDevice(name)
        try database.transaction {
            let revoked = try database.run(
                "UPDATE device SET revoked_at_ms = ?, judge_due = 1 WHERE id = ? AND revoked_at_ms IS NULL", now.ms, device.id)
            guard revoked > 0 else { return }
            try recordAudit("device revoked", of: name.name, by: attribution, now: now)
            try incrementAccessVersion()
        }
    }

    /// - Throws: `ArchiveFault.noDevice` if there is no such device.
    package func existingDevice(_ name: DeviceID) throws -> Device {
        guard let device = try device(named: name) else { throw ArchiveFault.noDevice(name) }
        return device
    }

    package func device(named name: DeviceID) throws -> Device? { try devices("WHERE name = ?", name.name).first }
    package func devices() throws -> [Device] { try devices("") }

    /// The device a token belongs to, revoked or not, and whether the token has never been used.
    package func device(withToken token: String) throws -> (device: Device, isNew: Bool)? {
        guard var device = try devices("JOIN token t ON t.device = device.id WHERE t.sha256 = ?", Archive.hash(token)).first else { return nil }
        device.formerNames = Set(try formerNames(of: device.id).map(\.name))
        let row = try database.row("SELECT replaces FROM token WHERE sha256 = ?", Archive.hash(token))
        return (device, row.map { !$0.isNull(0) } ?? false)
    }

    /// Hashes of tokens in use, with their devices: the most recently seen devices first.
    package func tokens(limit: Int) throws -> [(sha256: [UInt8], device: Device)] {
        var formerNames: [Int64: Set<String>] = [:]
        for row in try database.rows("SELECT device, name FROM former_name") { formerNames[row.integer(0), default: []].insert(row.text(1)) }
        var tokens: [(sha256: [UInt8], device: Device)] = []
        for row in try database.rows(
            """
            SELECT \(Archive.deviceColumns), t.sha256 FROM token t JOIN device ON device.id = t.device
            WHERE t.replaces IS NULL AND device.revoked_at_ms IS NULL ORDER BY device.last_seen_at_ms DESC LIMIT ?
            """, Int64(limit)
        ) {
            guard var device = Archive.device(row), let hash = Hexadecimal.bytes(row.text(6)) else { continue }
            device.formerNames = formerNames[device.id] ?? []
            tokens.append((hash, device))
        }
        return tokens
    }

    private func devices(_ condition: String, _ values: any DatabaseConvertible...) throws -> [Device] {
        try database.rows("SELECT \(Archive.deviceColumns) FROM device \(condition) ORDER BY device.name", values.map(\.databaseValue))
            .compactMap(Archive.device)
    }

    static let deviceColumns = "device.id, device.name, device.created_at_ms, device.revoked_at_ms, device.last_seen_at_ms, device.place"

    /// Reads a row of `deviceColumns`; `nil` if the name is not valid.
    static func device(_ row: Row) -> Device? {
        guard let name = DeviceID(row.text(1)) else { return nil }
        return Device(
            id: row.integer(0), name: name, createdAt: Instant(ms: row.integer(2)),
            revokedAt: row.optionalInteger(3).map(Instant.init(ms:)), lastSeenAt: row.optionalInteger(4).map(Instant.init(ms:)), place: row.text(5))
    }

    // MARK: token rotation

    /// Marks the device: its next answers ask the device to fetch a new token.
    package func requestRotation(_ name: DeviceID, by attribution: Attribution, now: Instant) throws {
        try database.transaction {
            try database.run("UPDATE device SET rotate_at_ms = ? WHERE id = ?", now.ms, try existingDevice(name).id)
            try recordAudit("device token rotated", of: name.name, by: attribution, now: now)
        }
    }

    /// Makes a new token. The old token stays valid until the new token is first used, because the answer may get lost.
    package func rotate(_ token: String, of device: Int64, now: Instant) throws -> String {
        let fresh = Hexadecimal.text(try SecureRandom.bytes(32))
        let old = Archive.hash(token)
        try database.transaction {
            try database.run("DELETE FROM token WHERE replaces = ?", old)
            try insert(token: fresh, device, replaces: old, now: now)
            let name = try database.row("SELECT name FROM device WHERE id = ?", device)?.text(0) ?? ""
            try recordAudit("device token renewed", of: name, by: Attribution(author: name, reason: ""), now: now)
            try incrementAccessVersion()
        }
        return fresh
    }

    /// Records the first use of a token. The older token or the enrolment code that the token replaces becomes invalid.
    package func markUsed(_ token: String, now: Instant) throws {
        try database.transaction {
            guard let row = try database.row("SELECT device, replaces FROM token WHERE sha256 = ? AND replaces IS NOT NULL", Archive.hash(token))
            else { return }
            let (device, replaces) = (row.integer(0), row.text(1))
            let isEnrolment = try database.run("UPDATE enrolment_code SET used_at_ms = ? WHERE sha256 = ?", now.ms, replaces) > 0
            // A token from an enrolment code invalidates all older tokens: the device was set up again. Otherwise only the replaced token is invalid.
            try database.run(
                "DELETE FROM token WHERE device = ? AND sha256 <> ? AND (? = 1 OR sha256 = ?)", device, Archive.hash(token), isEnrolment, replaces)
            try database.run("UPDATE token SET replaces = NULL WHERE sha256 = ?", Archive.hash(token))
            try database.run("UPDATE device SET rotate_at_ms = NULL WHERE id = ?", device)
            try incrementAccessVersion()
        }
    }

    static func hash(_ token: String) -> String { Hexadecimal.text(SHA256.digest(Array(token.utf8))) }
}

package import Measures
internal import Signing
internal import Text

/// Devices, their tokens and their enrolment codes. Only hashes of tokens and codes are stored.
extension Archive {
    package struct Device: Sendable, Equatable {
        package let id: Int64
        package let name: DeviceID
        package let createdAt: Instant
        package let revokedAt: Instant?
        package let lastSeenAt: Instant?
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
    private func createOrReinstateDevice(_ name: DeviceID, now: Instant) throws -> Int64 {
        if let known = try device(named: name) {
            try database.run("UPDATE device SET revoked_at_ms = NULL, judge_due = 1 WHERE id = ?", known.id)
            return known.id
        }
        return try database.integer("INSERT INTO device (name, created_at_ms) VALUES (?, ?) RETURNING id", name.name, now.ms) ?? 0
    }

    private func insert(token: String, _ device: Int64, replaces: String?, now: Instant) throws {
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

    private func existingDevice(_ name: DeviceID) throws -> Device {
        guard let device = try device(named: name) else { throw ArchiveFault.noDevice(name) }
        return device
    }

    package func device(named name: DeviceID) throws -> Device? { try devices("WHERE name = ?", name.name).first }
    package func devices() throws -> [Device] { try devices("") }

    /// The device a token belongs to, revoked or not, and whether the token has never been used.
    package func device(withToken token: String) throws -> (device: Device, isNew: Bool)? {
        guard let device = try devices("JOIN token t ON t.device = device.id WHERE t.sha256 = ?", Archive.hash(token)).first else { return nil }
        let row = try database.row("SELECT replaces FROM token WHERE sha256 = ?", Archive.hash(token))
        return (device, row.map { !$0.isNull(0) } ?? false)
    }

    /// Hashes of tokens in use, with their devices: the most recently seen devices first.
    package func tokens(limit: Int) throws -> [(sha256: [UInt8], device: Device)] {
        var tokens: [(sha256: [UInt8], device: Device)] = []
        for row in try database.rows(
            """
            SELECT \(Archive.deviceColumns), t.sha256 FROM token t JOIN device ON device.id = t.device
            WHERE t.replaces IS NULL AND device.revoked_at_ms IS NULL ORDER BY device.last_seen_at_ms DESC LIMIT ?
            """, Int64(limit)
        ) {
            guard let device = Archive.device(row), let hash = Hexadecimal.bytes(row.text(5)) else { continue }
            tokens.append((hash, device))
        }
        return tokens
    }

    private func devices(_ condition: String, _ values: any DatabaseConvertible...) throws -> [Device] {
        try database.rows("SELECT \(Archive.deviceColumns) FROM device \(condition) ORDER BY device.name", values.map(\.databaseValue))
            .compactMap(Archive.device)
    }

    static let deviceColumns = "device.id, device.name, device.created_at_ms, device.revoked_at_ms, device.last_seen_at_ms"

    /// Reads a row of `deviceColumns`; `nil` if the name is not valid.
    static func device(_ row: Row) -> Device? {
        guard let name = DeviceID(row.text(1)) else { return nil }
        return Device(
            id: row.integer(0), name: name, createdAt: Instant(ms: row.integer(2)),
            revokedAt: row.optionalInteger(3).map(Instant.init(ms:)), lastSeenAt: row.optionalInteger(4).map(Instant.init(ms:)))
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

    // MARK: enrolment

    /// Makes a code that enrols one device, once, before the code expires: ten letters and digits that are easy to tell apart.
    package func makeCode(for name: DeviceID, validFor validity: Duration, by attribution: Attribution, now: Instant) throws -> String {
        let letters = Array("0123456789ABCDEFGHJKMNPQRSTVWXYZ")  // Crockford's base 32
        let symbols = try SecureRandom.bytes(10).map { letters[Int($0 & 31)] }
        let code = String(symbols.prefix(5)) + "-" + String(symbols.suffix(5))
        try database.transaction {
            try database.run(
                "INSERT INTO enrolment_code VALUES (?, ?, ?, ?, NULL)", Archive.hash(Archive.normalised(code)), name.name, now.ms,
                (now + validity).ms)
            try recordAudit("enrolment code made", of: name.name, "until \(RFC3339.format(ms: (now + validity).ms))", by: attribution, now: now)
        }
        return code
    }

    /// Exchanges a code for a device and a token. If the answer gets lost, the code can be used again: the code is spent when the token is first
    /// used.
    /// - Returns: `nil` for a code that is unknown, spent or expired; `isReissue` if the code has issued a token before, which is now invalid.
    /// - Parameter address: of the device.
    package func enrol(code: String, from address: String, now: Instant) throws -> (device: DeviceID, token: String, isReissue: Bool)? {
        let hash = Archive.hash(Archive.normalised(code))
        return try database.transaction {
            guard
                let row = try database.row(
                    "SELECT device FROM enrolment_code WHERE sha256 = ? AND used_at_ms IS NULL AND expires_at_ms > ?", hash, now.ms),
                let name = DeviceID(row.text(0))
            else { return nil }
            let token = Hexadecimal.text(try SecureRandom.bytes(32))
            // Revoked tokens stay invalid when the device is admitted again.
            if let known = try device(named: name), known.revokedAt != nil { try database.run("DELETE FROM token WHERE device = ?", known.id) }
            let device = try createOrReinstateDevice(name, now: now)
            let isReissue = try database.run("DELETE FROM token WHERE replaces = ?", hash) > 0
            try insert(token: token, device, replaces: hash, now: now)
            let attribution = Attribution(author: name.name, origin: address, reason: "")
            try recordAudit(isReissue ? "device enrolled again" : "device enrolled", of: name.name, by: attribution, now: now)
            try incrementAccessVersion()
            return (name, token, isReissue)
        }
    }

    /// The device that a code was issued for, even if the code is used or expired; `nil`: the code is unknown.
    package func device(ofCode code: String) throws -> DeviceID? {
        try database.row("SELECT device FROM enrolment_code WHERE sha256 = ?", Archive.hash(Archive.normalised(code)))
            .flatMap { row in DeviceID(row.text(0)) }
    }

    /// Removes hyphens and spaces, and replaces letters that look like digits, as a person may type or read out the code.
    private static func normalised(_ code: String) -> String {
        String(code.uppercased().filter { $0 != "-" && $0 != " " }.map { $0 == "O" ? "0" : $0 == "I" || $0 == "L" ? "1" : $0 })
    }

    static func hash(_ token: String) -> String { Hexadecimal.text(SHA256.digest(Array(token.utf8))) }
}

package import Measures
internal import SQLite
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
    package func addDevice(_ name: DeviceID, now: Instant) throws -> String {
        let token = Hexadecimal.text(try SecureRandom.bytes(32))
        try database.transaction {
            if let known = try device(named: name), known.revokedAt == nil {
                throw ArchiveFault.deviceExists(name)
            }
            let device = try createOrReinstateDevice(name, now: now)
            try run("DELETE FROM token WHERE device = ?", device)
            try insert(token: token, device, replaces: nil, now: now)
            try incrementAccessVersion()
        }
        return token
    }

    /// A number that rises with each change of a token or of a device's access. A cached lookup result is valid as long as the version is unchanged.
    package func accessVersion() throws -> Int64 { try database.integer("SELECT version FROM access_version") ?? 0 }

    private func incrementAccessVersion() throws { try database.execute("UPDATE access_version SET version = version + 1") }

    /// Creates the device if it does not exist, and removes its revocation.
    /// - Returns: the device's row id.
    private func createOrReinstateDevice(_ name: DeviceID, now: Instant) throws -> Int64 {
        if let known = try device(named: name) {
            try run("UPDATE device SET revoked_at_ms = NULL, judge_due = 1 WHERE id = ?", known.id)
            return known.id
        }
        var insert = try database.prepare("INSERT INTO device (name, created_at_ms) VALUES (?, ?)")
        try insert.bind(name.name, at: 1)
        try insert.bind(now.ms, at: 2)
        try insert.run()
        return database.lastInsertedRow
    }

    private func insert(token: String, _ device: Int64, replaces: String?, now: Instant) throws {
        var insert = try database.prepare("INSERT INTO token (sha256, device, created_at_ms, replaces) VALUES (?, ?, ?, ?)")
        try insert.bind(Archive.hash(token), at: 1)
        try insert.bind(device, at: 2)
        try insert.bind(now.ms, at: 3)
        try insert.bind(replaces, at: 4)
        try insert.run()
    }

    package func revoke(_ name: DeviceID, now: Instant) throws {
        let device = try existingDevice(name)
        try database.transaction {
            var update = try database.prepare("UPDATE device SET revoked_at_ms = ?, judge_due = 1 WHERE id = ? AND revoked_at_ms IS NULL")
            try update.bind(now.ms, at: 1)
            try update.bind(device.id, at: 2)
            try update.run()
            try incrementAccessVersion()
        }
    }

    private func existingDevice(_ name: DeviceID) throws -> Device {
        guard let device = try device(named: name) else { throw ArchiveFault.noDevice(name) }
        return device
    }

    package func device(named name: DeviceID) throws -> Device? { try devices("WHERE name = ?", name.name).first }
    package func devices() throws -> [Device] { try devices("", nil) }

    /// The device a token belongs to, revoked or not, and whether the token has never been used.
    package func device(withToken token: String) throws -> (device: Device, isNew: Bool)? {
        guard let device = try devices("JOIN token t ON t.device = device.id WHERE t.sha256 = ?", Archive.hash(token)).first else { return nil }
        var select = try database.prepare("SELECT replaces FROM token WHERE sha256 = ?")
        try select.bind(Archive.hash(token), at: 1)
        return (device, try select.step() && !select.isNull(0))
    }

    /// Hashes of tokens in use, with their devices: the most recently seen devices first.
    package func tokens(limit: Int) throws -> [(sha256: [UInt8], device: Device)] {
        var select = try database.prepare(
            """
            SELECT \(Archive.deviceColumns), t.sha256 FROM token t JOIN device ON device.id = t.device
            WHERE t.replaces IS NULL AND device.revoked_at_ms IS NULL ORDER BY device.last_seen_at_ms DESC LIMIT ?
            """)
        try select.bind(Int64(limit), at: 1)
        var tokens: [(sha256: [UInt8], device: Device)] = []
        while try select.step() {
            guard let device = Archive.device(select), let hash = Hexadecimal.bytes(select.text(5)) else { continue }
            tokens.append((hash, device))
        }
        return tokens
    }

    private func devices(_ condition: String, _ value: String?) throws -> [Device] {
        var select = try database.prepare(
            "SELECT \(Archive.deviceColumns) FROM device \(condition) ORDER BY device.name")
        if let value { try select.bind(value, at: 1) }
        var devices: [Device] = []
        while try select.step() { if let device = Archive.device(select) { devices.append(device) } }
        return devices
    }

    static let deviceColumns = "device.id, device.name, device.created_at_ms, device.revoked_at_ms, device.last_seen_at_ms"

    /// Reads a row of `deviceColumns`; `nil` if the name is not valid.
    static func device(_ row: borrowing Statement) -> Device? {
        guard let name = DeviceID(row.text(1)) else { return nil }
        return Device(
            id: row.integer(0), name: name, createdAt: Instant(ms: row.integer(2)),
            revokedAt: row.optionalInteger(3).map(Instant.init(ms:)), lastSeenAt: row.optionalInteger(4).map(Instant.init(ms:)))
    }

    // MARK: token rotation

    /// Marks the device: its next answers ask the device to fetch a new token.
    package func requestRotation(_ name: DeviceID, now: Instant) throws {
        var update = try database.prepare("UPDATE device SET rotate_at_ms = ? WHERE id = ?")
        try update.bind(now.ms, at: 1)
        try update.bind(try existingDevice(name).id, at: 2)
        try update.run()
    }

    /// Makes a new token. The old token stays valid until the new token is first used, because the answer may get lost.
    package func rotate(_ token: String, of device: Int64, now: Instant) throws -> String {
        let fresh = Hexadecimal.text(try SecureRandom.bytes(32))
        let old = Archive.hash(token)
        try database.transaction {
            var delete = try database.prepare("DELETE FROM token WHERE replaces = ?")
            try delete.bind(old, at: 1)
            try delete.run()
            try insert(token: fresh, device, replaces: old, now: now)
            try incrementAccessVersion()
        }
        return fresh
    }

    /// Records the first use of a token. The older token or the enrolment code that the token replaces becomes invalid.
    package func markUsed(_ token: String, now: Instant) throws {
        try database.transaction {
            var select = try database.prepare("SELECT device, replaces FROM token WHERE sha256 = ? AND replaces IS NOT NULL")
            try select.bind(Archive.hash(token), at: 1)
            guard try select.step() else { return }
            let (device, replaces) = (select.integer(0), select.text(1))
            var code = try database.prepare("UPDATE enrolment_code SET used_at_ms = ? WHERE sha256 = ?")
            try code.bind(now.ms, at: 1)
            try code.bind(replaces, at: 2)
            try code.run()
            // A token from an enrolment code invalidates all older tokens: the device was set up again. Otherwise only the replaced token is invalid.
            let isEnrolment = database.changes > 0
            var others = try database.prepare("DELETE FROM token WHERE device = ? AND sha256 <> ? AND (? OR sha256 = ?)")
            try others.bind(device, at: 1)
            try others.bind(Archive.hash(token), at: 2)
            try others.bind(isEnrolment ? Int64(1) : 0, at: 3)
            try others.bind(replaces, at: 4)
            try others.run()
            var mark = try database.prepare("UPDATE token SET replaces = NULL WHERE sha256 = ?")
            try mark.bind(Archive.hash(token), at: 1)
            try mark.run()
            try run("UPDATE device SET rotate_at_ms = NULL WHERE id = ?", device)
            try incrementAccessVersion()
        }
    }

    // MARK: enrolment

    /// Makes a code that enrols one device, once, before the code expires: ten letters and digits that are easy to tell apart.
    package func makeCode(for name: DeviceID, now: Instant, validFor validity: Duration) throws -> String {
        let letters = Array("0123456789ABCDEFGHJKMNPQRSTVWXYZ")  // Crockford's base 32
        let symbols = try SecureRandom.bytes(10).map { letters[Int($0 & 31)] }
        let code = String(symbols.prefix(5)) + "-" + String(symbols.suffix(5))
        var insert = try database.prepare("INSERT INTO enrolment_code VALUES (?, ?, ?, ?, NULL)")
        try insert.bind(Archive.hash(Archive.normalised(code)), at: 1)
        try insert.bind(name.name, at: 2)
        try insert.bind(now.ms, at: 3)
        try insert.bind((now + validity).ms, at: 4)
        try insert.run()
        return code
    }

    /// Exchanges a code for a device and a token. If the answer gets lost, the code can be used again: the code is spent when the token is first
    /// used.
    /// - Returns: `nil` for a code that is unknown, spent or expired; `isReissue` if the code has issued a token before, which is now invalid.
    package func enrol(code: String, now: Instant) throws -> (device: DeviceID, token: String, isReissue: Bool)? {
        let hash = Archive.hash(Archive.normalised(code))
        return try database.transaction {
            var select = try database.prepare("SELECT device FROM enrolment_code WHERE sha256 = ? AND used_at_ms IS NULL AND expires_at_ms > ?")
            try select.bind(hash, at: 1)
            try select.bind(now.ms, at: 2)
            guard try select.step(), let name = DeviceID(select.text(0)) else { return nil }
            let token = Hexadecimal.text(try SecureRandom.bytes(32))
            // Revoked tokens stay invalid when the device is admitted again.
            if let known = try device(named: name), known.revokedAt != nil { try run("DELETE FROM token WHERE device = ?", known.id) }
            let device = try createOrReinstateDevice(name, now: now)
            var delete = try database.prepare("DELETE FROM token WHERE replaces = ?")
            try delete.bind(hash, at: 1)
            try delete.run()
            let isReissue = database.changes > 0
            try insert(token: token, device, replaces: hash, now: now)
            try incrementAccessVersion()
            return (name, token, isReissue)
        }
    }

    /// The device that a code was issued for, even if the code is used or expired; `nil`: the code is unknown.
    package func device(ofCode code: String) throws -> DeviceID? {
        var select = try database.prepare("SELECT device FROM enrolment_code WHERE sha256 = ?")
        try select.bind(Archive.hash(Archive.normalised(code)), at: 1)
        return try select.step() ? DeviceID(select.text(0)) : nil
    }

    /// Removes hyphens and spaces, and replaces letters that look like digits, as a person may type or read out the code.
    private static func normalised(_ code: String) -> String {
        String(code.uppercased().filter { $0 != "-" && $0 != " " }.map { $0 == "O" ? "0" : $0 == "I" || $0 == "L" ? "1" : $0 })
    }

    static func hash(_ token: String) -> String { Hexadecimal.text(SHA256.digest(Array(token.utf8))) }
}

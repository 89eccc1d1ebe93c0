package import Measures
internal import Runtime
package import SQLite
internal import Signing

/// The cloud's store: devices, the log of batches and what is derived from it, releases and runs.
///
/// One connection on a thread of its own. A server opens it twice: one that writes, one that only reads, so that a long
/// query never holds up an ingest.
package actor Archive {
    private let executor = BlockingExecutor(label: "archive")
    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    let database: Connection
    package nonisolated let folder: String

    /// - Parameter folder: holds `archive.sqlite` and the signing key; made when missing, if writing.
    package init(folder: String, access: Connection.Access = .readWrite) async throws {
        self.folder = folder
        database = try Archive.connection(folder, access)
    }

    private static func connection(_ folder: String, _ access: Connection.Access) throws -> Connection {
        if access == .readWrite { try Files.makeFolder(folder) }
        let path = "\(folder)/archive.sqlite"
        if access == .readOnly, !Files.exists(path) { throw ArchiveFault("there is no archive at \(path): vaho-cloud serve makes one") }
        let database = try Connection(path: path, access: access, cacheKiB: 4_096)
        if access == .readWrite { try database.makeDurable() }
        switch try database.integer("PRAGMA user_version") ?? 0 {
        case 0 where access == .readWrite:
            try database.transaction {
                // Two programs may make it at once: the second finds it made.
                guard try database.integer("PRAGMA user_version") == 0 else { return }
                try database.execute(ArchiveSchema.sql)
                try database.execute("PRAGMA user_version = \(ArchiveSchema.version)")
            }
        case ArchiveSchema.version: break
        case let version:
            throw ArchiveFault("\(path) has schema \(version), this vaho-cloud knows \(ArchiveSchema.version): use the version that wrote it")
        }
        return database
    }

    isolated deinit {}  // the file is closed on the thread that used it

    // MARK: devices

    package struct Device: Sendable, Equatable {
        package let id: Int64
        package let name: DeviceID
        package let createdAt: Instant
        package let revokedAt: Instant?
        package let lastSeenAt: Instant?
    }

    /// Makes a device, or a further token for a device that was revoked or lost its own.
    /// - Returns: the token: 32 random bytes in hexadecimal. Only its SHA-256 is kept.
    package func addDevice(_ name: DeviceID, now: Instant) throws -> String {
        let token = Hexadecimal.text(try SecureRandom.bytes(32))
        try database.transaction {
            if let known = try device(named: name) {
                guard known.revokedAt != nil else {
                    throw ArchiveFault("the device \(name) exists: revoke it first (vaho-cloud device revoke \(name)) to give it a new token")
                }
                try run("UPDATE device SET revoked_at_ms = NULL WHERE id = ?", known.id)
                try run("DELETE FROM token WHERE device = ?", known.id)
            } else {
                var insert = try database.prepare("INSERT INTO device (name, created_at_ms) VALUES (?, ?)")
                try insert.bind(name.name, at: 1)
                try insert.bind(now.ms, at: 2)
                try insert.run()
            }
            guard let device = try device(named: name) else { return }
            var insert = try database.prepare("INSERT INTO token VALUES (?, ?, ?)")
            try insert.bind(Archive.hash(token), at: 1)
            try insert.bind(device.id, at: 2)
            try insert.bind(now.ms, at: 3)
            try insert.run()
        }
        return token
    }

    package func revoke(_ name: DeviceID, now: Instant) throws {
        guard let device = try device(named: name) else { throw ArchiveFault("there is no device \(name): vaho-cloud device list names them") }
        var update = try database.prepare("UPDATE device SET revoked_at_ms = ? WHERE id = ? AND revoked_at_ms IS NULL")
        try update.bind(now.ms, at: 1)
        try update.bind(device.id, at: 2)
        try update.run()
    }

    package func device(named name: DeviceID) throws -> Device? { try devices("WHERE name = ?", name.name).first }
    package func devices() throws -> [Device] { try devices("", nil) }

    /// The device a token belongs to, revoked or not.
    package func device(withToken token: String) throws -> Device? {
        try devices("JOIN token t ON t.device = device.id WHERE t.sha256 = ?", Archive.hash(token)).first
    }

    private func devices(_ condition: String, _ value: String?) throws -> [Device] {
        var select = try database.prepare(
            "SELECT device.id, device.name, device.created_at_ms, revoked_at_ms, last_seen_at_ms FROM device \(condition) ORDER BY device.name")
        if let value { try select.bind(value, at: 1) }
        var devices: [Device] = []
        while try select.step() {
            guard let name = DeviceID(select.text(1)) else { continue }
            devices.append(
                Device(
                    id: select.integer(0), name: name, createdAt: Instant(ms: select.integer(2)),
                    revokedAt: select.optionalInteger(3).map(Instant.init(ms:)), lastSeenAt: select.optionalInteger(4).map(Instant.init(ms:))))
        }
        return devices
    }

    package func touch(_ device: Int64, now: Instant) throws {
        var update = try database.prepare("UPDATE device SET last_seen_at_ms = ? WHERE id = ?")
        try update.bind(now.ms, at: 1)
        try update.bind(device, at: 2)
        try update.run()
    }

    func run(_ sql: String, _ value: Int64) throws {
        var statement = try database.prepare(sql)
        try statement.bind(value, at: 1)
        try statement.run()
    }

    private static func hash(_ token: String) -> String { Hexadecimal.text(SHA256.digest(Array(token.utf8))) }
}

/// The archive cannot do what was asked.
package struct ArchiveFault: Error, CustomStringConvertible {
    package let description: String
    package init(_ description: String) { self.description = description }
}

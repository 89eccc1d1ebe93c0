internal import Runtime
internal import SQLite

/// The cloud's store: devices, the log of batches and what is derived from it, releases and runs.
///
/// One connection on a thread of its own. A server opens it twice: one that writes, one that only reads, so that a long
/// query never holds up an ingest.
package actor Archive {
    private let executor = BlockingExecutor(label: "archive")
    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    let database: Connection
    package nonisolated let folder: String

    package enum Access: Sendable {
        case making  // reads and writes; made when missing
        case existing  // reads and writes what a server has made
        case readOnly
    }

    /// - Parameter folder: holds `archive.sqlite` and the signing key.
    package init(folder: String, access: Access = .making) async throws {
        self.folder = folder
        Connection.leanMemory()
        database = try Archive.connection(folder, access)
    }

    private static func connection(_ folder: String, _ access: Access) throws -> Connection {
        if access == .making { try Files.makeFolder(folder) }
        let path = "\(folder)/archive.sqlite"
        if access != .making, !Files.exists(path) {
            throw ArchiveFault("there is no archive at \(path): vaho-cloud serve makes one; is VAHO_STORE right?")
        }
        let database = try Connection(path: path, access: access == .readOnly ? .readOnly : .readWrite, cacheKiB: 4_096)
        if access != .readOnly { try database.makeDurable() }
        let version = try database.integer("PRAGMA user_version") ?? 0
        if version > ArchiveSchema.version || (access == .readOnly && version < ArchiveSchema.version) {
            throw ArchiveFault("\(path) has schema \(version), this vaho-cloud knows \(ArchiveSchema.version): use the version that wrote it")
        }
        guard access != .readOnly, version < ArchiveSchema.version else { return database }
        try database.transaction {
            // Two programs may make it at once: the second finds it made.
            let version = try database.integer("PRAGMA user_version") ?? 0
            for step in ArchiveSchema.steps.dropFirst(Int(version)) { try database.execute(step) }
            try database.execute("PRAGMA user_version = \(ArchiveSchema.version)")
        }
        return database
    }

    isolated deinit {}  // the file is closed on the thread that used it

    func run(_ sql: String, _ value: Int64) throws {
        var statement = try database.prepare(sql)
        try statement.bind(value, at: 1)
        try statement.run()
    }

    /// Copies the archive as it is now into a file, while others read and write it.
    package func backUp(to path: String) throws { try database.backUp(to: path) }
}

/// The archive cannot do what was asked.
package struct ArchiveFault: Error, CustomStringConvertible {
    package let description: String
    package init(_ description: String) { self.description = description }
}

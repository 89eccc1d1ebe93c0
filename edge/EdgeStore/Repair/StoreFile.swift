internal import Glibc
internal import Measures
internal import Runtime
internal import SQLite

/// Opens the store's file in any state, and replaces the file with a repaired one.
///
/// A repaired store is written beside the old one (`….repaired`) and replaces the old file once complete. The old file stays in the folder
/// under a name that contains the reason. The next start finishes a replacement that a crash interrupted.
enum StoreFile {
    enum Finding {
        case ready(Connection, hasLostCommits: Bool)
        case older(Connection)
        case newer(version: Int64, Connection?)  // the connection; nil if this version cannot read the rows
        case damaged(Connection?, reason: String)
        case diskFailure(String)  // the disk failed, not the file: a retry may succeed later
    }

    private static let keptBackups = 3  // old files per kind; more would fill the disk
    private static let suffixes = ["", "-wal", "-shm"]

    static func find(_ path: String) -> Finding {
        do {
            guard path != ":memory:" else { return .ready(try memory(), hasLostCommits: false) }
            try finishRepair(of: path)
            let hasLostCommits = WriteAheadLog.hasLostCommits(path + "-wal")
            if hasLostCommits, let damaged = try? Files.read(path + "-wal", limit: 64 << 20) {
                try Files.write("\(basePath(path)).damaged-\(WallClock.now.ms / 1_000).wal", damaged, mode: 0o640)
            }
            let database = try connection(path)
            switch try database.integer("PRAGMA user_version") ?? 0 {
            case 0:
                guard try database.integer("SELECT COUNT(*) FROM sqlite_master") == 0 else {
                    return .damaged(database, reason: "the file has tables, but no schema version")
                }
                try StoreSchema.create(in: database)
                return .ready(database, hasLostCommits: hasLostCommits)
            case StoreSchema.version:
                guard try StoreSchema.isIntact(in: database) else {
                    return .damaged(database, reason: "the table definitions differ from the schema")
                }
                return .ready(database, hasLostCommits: hasLostCommits)
            case let version where version < StoreSchema.version: return .older(database)
            case let version: return .newer(version: version, isReadable(database) ? database : nil)
            }
        } catch {
            if isDamage(error) { return .damaged(try? Connection(path: path, access: .readOnly), reason: "\(error)") }
            return .diskFailure("\(error)")
        }
    }

    /// Whether rows have the columns of this version: a flipped bit can make the version number look newer.
    private static func isReadable(_ database: Connection) -> Bool {
        let tables = [
            "number, epoch, last, evicted, refused, checksum FROM life", "\(LogTable.readingColumns) FROM reading",
            "key, body, checksum FROM record",
        ]
        return tables.allSatisfy { (try? database.prepare("SELECT \($0) LIMIT 1")) != nil }
    }

    static func isDamage(_ error: any Error) -> Bool { error is DamagedRow || (error as? SQLiteError)?.isCorrupt == true }

    // MARK: repair

    static func beginRepair(of path: String) throws -> Connection {
        // A complete repaired store that has not replaced the file yet may be the only copy of its rows.
        if Files.exists(path + ".repaired"), try backupName(in: path + ".repaired") != nil {
            throw StoreFault.repairUnfinished(path: path)
        }
        deleteFiles(path + ".repaired")
        let target = try connection(path + ".repaired")
        try StoreSchema.create(in: target)
        return target
    }

    /// Creates a store with the rows found in the pages of a damaged file. Does not read the B-trees of the damaged file.
    static func salvage(of path: String) throws -> Connection {
        deleteFiles(path + ".salvaged")
        return try PageSalvage.collectRows(from: path, into: path + ".salvaged")
    }

    /// Deletes the index (`-shm`) and an empty log (`-wal`) of a store file that was removed. SQLite must not read the new file at this path
    /// with the log of the removed file. A log that is not empty stays: it may belong to the new file, because a disk that was disconnected
    /// keeps its log. SQLite rebuilds the index from the log.
    static func deleteForeignLog(of path: String) {
        if (try? Files.read(path + "-wal", limit: 0)) != nil { unsafe unlink(path + "-wal") }
        unsafe unlink(path + "-shm")
    }

    static func deleteSalvage(of path: String) { deleteFiles(path + ".salvaged") }

    /// Marks the repaired store as complete. From here on the repaired store replaces the old one, even after a crash.
    /// - Parameter backupLabel: a word in the backup name of the old file; `nil` deletes the old file.
    static func completeRepair(_ target: Connection, of path: String, backupLabel: String?) throws {
        var stamp = WallClock.now.ms / 1_000
        while backupLabel.map({ Files.exists("\(basePath(path)).\($0)-\(stamp).sqlite") }) == true { stamp += 1 }
        let name = backupLabel.map { "\(basePath(path)).\($0)-\(stamp).sqlite" } ?? ""
        try target.run("INSERT OR REPLACE INTO meta VALUES ('set_aside', ?)", name)
        try target.checkpoint()
    }

    /// Moves a complete repaired store to the path of the store; deletes an incomplete one. Neither file may be open: SQLite deletes a
    /// write-ahead log by its name when a connection is closed.
    static func finishRepair(of path: String) throws {
        deleteSalvage(of: path)
        let repaired = path + ".repaired"
        guard Files.exists(repaired) else { return }
        guard let aside = try backupName(in: repaired) else { return deleteFiles(repaired) }
        for suffix in suffixes where Files.exists(path + suffix) {
            if aside.isEmpty { unsafe unlink(path + suffix) } else { try Files.rename(path + suffix, to: aside + suffix) }
        }
        try Files.rename(repaired, to: path)
        deleteOldestBackups(besides: path)
    }

    private static func basePath(_ path: String) -> String { path.hasSuffix(".sqlite") ? String(path.dropLast(7)) : path }

    /// - Returns: the backup name of the old file, empty for none; `nil` if the repaired store is incomplete.
    /// - Throws: if the repaired store cannot be read. The caller must not delete the repaired store then: it may be the only copy.
    private static func backupName(in repaired: String) throws -> String? {
        let database = try Connection(path: repaired)
        guard try database.integer("SELECT COUNT(*) FROM sqlite_master WHERE name = 'meta'") == 1 else { return nil }
        var select = try database.prepare("SELECT value FROM meta WHERE name = 'set_aside'")
        return try select.step() ? select.text(0) : nil
    }

    private static func deleteFiles(_ path: String) { for suffix in suffixes { unsafe unlink(path + suffix) } }

    private static func deleteOldestBackups(besides path: String) {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        let folder = parts.dropLast().joined(separator: "/")
        let name = "\(parts.last?.split(separator: ".").first ?? "")."
        let files = ((try? Files.list(folder)) ?? []).filter { $0.hasPrefix(name) }
        for kind in ["damaged-", "replaced-", "newer-"] {
            let aside = files.filter { $0.dropFirst(name.utf8.count).hasPrefix(kind) && ($0.hasSuffix(".sqlite") || $0.hasSuffix(".wal")) }
            for name in aside.dropLast(keptBackups) { deleteFiles("\(folder)/\(name)") }
        }
    }

    // MARK: connections

    static func connection(_ path: String, busyTimeoutMs: Int32 = 5_000) throws -> Connection {
        Files.restrictPermissions(path, to: 0o640)
        let database = try Connection(path: path, busyTimeoutMs: busyTimeoutMs)
        try database.execute("PRAGMA page_size = \(StoreSchema.pageSize)")  // only affects a new file
        try database.makeDurable()
        try database.execute("PRAGMA journal_size_limit = 1048576")
        return database
    }

    static func memory() throws -> Connection {
        let database = try Connection(path: ":memory:")
        try StoreSchema.create(in: database)
        return database
    }

    static func connection(readOnlyPath path: String) throws -> Connection {
        guard Files.exists(path) else { throw StoreFault.noStore(path: path) }
        let database = try Connection(path: path, access: .readOnly)
        guard try database.integer("PRAGMA user_version") == StoreSchema.version else {
            throw StoreFault.otherSchema(path: path)
        }
        return database
    }
}

internal import Glibc
internal import Measures
internal import Runtime
internal import SQLite

/// The store's file: finds it in whatever state it is, and puts a repaired one in its place.
///
/// A repaired store is written beside the old one (`….repaired`) and, once whole, takes its place; the old file stays in the
/// folder under a name that says why. A crash in between is finished at the next start.
enum StoreFile {
    enum Finding {
        case ready(Connection)
        case older(Connection)
        case newer(version: Int64)
        case damaged(Connection?, why: String)
        case trouble(String)  // the disk's fault, not the file's: it may be well again later
    }

    private static let keptAside = 3  // damaged files; more would fill the disk
    private static let suffixes = ["", "-wal", "-shm"]

    static func find(_ path: String) -> Finding {
        do {
            guard path != ":memory:" else { return .ready(try memory()) }
            try finishRepair(of: path)
            let database = try connection(path)
            switch try database.integer("PRAGMA user_version") ?? 0 {
            case 0:
                try StoreSchema.create(in: database)
                return .ready(database)
            case StoreSchema.version: return .ready(database)
            case let version: return version < StoreSchema.version ? .older(database) : .newer(version: version)
            }
        } catch {
            if isDamage(error) { return .damaged(try? Connection(path: path, access: .readOnly), why: "\(error)") }
            return .trouble("\(error)")
        }
    }

    static func isDamage(_ error: any Error) -> Bool { error is DamagedRow || (error as? SQLiteError)?.isCorrupt == true }

    // MARK: repair

    static func beginRepair(of path: String) throws -> Connection {
        drop(path + ".repaired")
        let target = try connection(path + ".repaired")
        try StoreSchema.create(in: target)
        return target
    }

    /// From here on the repaired store counts, whatever happens.
    /// - Parameter aside: what to call the old file; `nil` deletes it.
    static func completeRepair(_ target: Connection, of path: String, aside: String?) throws {
        let stem = path.hasSuffix(".sqlite") ? String(path.dropLast(7)) : path
        let name = aside.map { "\(stem).\($0)-\(LabelClock.wallClock.ms / 1_000).sqlite" } ?? ""
        var insert = try target.prepare("INSERT INTO meta VALUES ('set_aside', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value")
        try insert.bind(name, at: 1)
        try insert.run()
        try target.checkpoint()
    }

    /// Puts a whole repaired store into its place; removes one that was cut off. Neither file is open meanwhile: SQLite
    /// deletes a write-ahead log by its name when a connection is closed.
    static func finishRepair(of path: String) throws {
        let repaired = path + ".repaired"
        guard Files.exists(repaired) else { return }
        guard let aside = nameAside(in: repaired) else { return drop(repaired) }
        for suffix in suffixes where Files.exists(path + suffix) {
            if aside.isEmpty { unsafe unlink(path + suffix) } else { try Files.rename(path + suffix, to: aside + suffix) }
        }
        try Files.rename(repaired, to: path)
        dropOldest(besides: path)
    }

    private static func nameAside(in repaired: String) -> String? {
        guard let database = try? Connection(path: repaired),
            var select = try? database.prepare("SELECT value FROM meta WHERE name = 'set_aside'"), (try? select.step()) == true
        else { return nil }
        return select.text(0)
    }

    private static func drop(_ path: String) { for suffix in suffixes { unsafe unlink(path + suffix) } }

    private static func dropOldest(besides path: String) {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        let folder = parts.dropLast().joined(separator: "/")
        let damaged = "\(parts.last?.split(separator: ".").first ?? "").damaged-"
        let aside = ((try? Files.list(folder)) ?? []).filter { $0.hasPrefix(damaged) && $0.hasSuffix(".sqlite") }
        for name in aside.dropLast(keptAside) { drop("\(folder)/\(name)") }
    }

    // MARK: connections

    static func connection(_ path: String) throws -> Connection {
        let database = try Connection(path: path)
        try database.execute("PRAGMA page_size = \(StoreSchema.pageSize)")  // of a new file
        try database.makeDurable()
        try database.execute("PRAGMA journal_size_limit = 1048576")
        return database
    }

    static func memory() throws -> Connection {
        let database = try Connection(path: ":memory:")
        try StoreSchema.create(in: database)
        return database
    }

    static func connection(lookingInto path: String) throws -> Connection {
        guard Files.exists(path) else { throw StoreFault("there is no store at \(path): is VAHO_STATE_DIR that of the daemon?") }
        let database = try Connection(path: path, access: .readOnly)
        guard try database.integer("PRAGMA user_version") == StoreSchema.version else {
            throw StoreFault("\(path) is not a store of this version of vaho-edge; its daemon opens it")
        }
        return database
    }
}

internal import Measures
internal import Observing
internal import Runtime
internal import SQLite

extension SQLiteError: DatabaseFailure {
    package var isConflict: Bool { false }  // SQLite waits for the other transaction
    package var isUnavailable: Bool { isFull || needsReopen }
    package var isOutOfSpace: Bool { isFull }
}

/// The archive in one SQLite file.
final class SQLiteDatabase: ArchiveDatabase {
    private let connection: Connection
    private let folder: String

    /// Opens `archive.sqlite` in a folder, and migrates the file to the newest schema if the access allows it.
    init(folder: String, _ access: ArchiveAccess) throws {
        Connection.disableMemoryStatistics()
        if access == .createIfMissing { try Files.createFolder(folder) }
        let path = "\(folder)/archive.sqlite"
        guard access == .createIfMissing || Files.exists(path) else { throw ArchiveFault.noArchive(path: path) }
        self.folder = folder
        if access != .readOnly { Files.restrictPermissions(path, to: 0o640) }
        connection = try Connection(path: path, access: access == .readOnly ? .readOnly : .readWrite, cacheKiB: 4_096)
        // SQLite accepts `auto_vacuum` only before the first page of a new file is written.
        if access == .createIfMissing { try connection.execute("PRAGMA auto_vacuum = INCREMENTAL") }
        if access != .readOnly { try connection.makeDurable() }
        let version = try connection.integer("PRAGMA user_version") ?? 0
        guard version <= ArchiveSchema.version, access != .readOnly || version == ArchiveSchema.version else {
            throw ArchiveFault.unsupportedSchema(version, path: path)
        }
        if version < ArchiveSchema.version { try migrate() }
    }

    private func migrate() throws {
        try connection.transaction {
            // Two programs may create or migrate the archive at once: the second program then reads the new version and runs no step.
            let version = try connection.integer("PRAGMA user_version") ?? 0
            for step in ArchiveSchema.steps.dropFirst(Int(version)) { try connection.execute(step) }
            try connection.execute("PRAGMA user_version = \(ArchiveSchema.version)")
        }
    }

    // MARK: statements

    func forEachRow(_ sql: String, _ values: [DatabaseValue], _ body: (Row) throws -> Bool) throws {
        var statement = try connection.prepare(sql)
        try SQLiteDatabase.bind(values, to: statement)
        let columns = statement.columnCount
        while try statement.step() {
            guard try body(Row((0..<columns).map { SQLiteDatabase.value(statement, $0) })) else { return }
        }
    }

    func change(_ sql: String, _ values: [DatabaseValue]) throws -> Int {
        var statement = try connection.prepare(sql)
        try SQLiteDatabase.bind(values, to: statement)
        try statement.run()
        return connection.changes
    }

    func changeEach(_ sql: String, _ rows: [[DatabaseValue]]) throws {
        guard !rows.isEmpty else { return }
        var statement = try connection.prepare(sql)
        for values in rows {
            try SQLiteDatabase.bind(values, to: statement)
            try statement.run()
        }
    }

    func rowsEach(_ sql: String, _ values: [[DatabaseValue]]) throws -> [[Row]] {
        guard !values.isEmpty else { return [] }
        var statement = try connection.prepare(sql)
        let columns = statement.columnCount
        return try values.map { values in
            try SQLiteDatabase.bind(values, to: statement)
            var rows: [Row] = []
            while try statement.step() { rows.append(Row((0..<columns).map { SQLiteDatabase.value(statement, $0) })) }
            statement.reset()
            return rows
        }
    }

    func transactionOnce<Result>(_ durability: Durability, _ body: () throws -> Result) throws -> Result {
        guard durability == .lazy else { return try connection.transaction(body) }
        try connection.setDurable(false)
        defer { try? connection.setDurable(true) }
        return try connection.transaction(body)
    }

    // MARK: operations whose SQL differs between SQLite and PostgreSQL

    let counterShard: Int64 = 0

    func claimPending(after device: Int64, except paused: Set<Int64>, limit: Int, for milliseconds: Int64) throws -> [Int64]? { nil }

    func claim(_ work: ExclusiveWork, isShared: Bool) throws -> (any WorkClaim)? {
        let name = work == .serving ? "lock" : "\(work.rawValue).lock"
        do { return FolderClaim(try FolderLock(folder, name: name)) } catch is FolderInUse { return nil }
    }

    /// The system keeps the lock of a file until the program ends.
    private final class FolderClaim: WorkClaim {
        private let lock: FolderLock
        init(_ lock: FolderLock) { self.lock = lock }
        func isHeld() -> Bool { true }
    }

    let rowLock = ""  // a transaction that writes already excludes all other writers

    /// A transaction that writes already excludes all other writers.
    func lock(devices: [Int64]) throws {}

    func lockAliases() throws {}

    func cacheVersion() throws -> Int64? { try dataVersion() }

    func dataVersion() throws -> Int64 { try connection.integer("PRAGMA data_version") ?? 0 }

    func restartIdentities(_ tables: [String]) throws {}  // SQLite takes the highest row id plus one

    func store(bins: [(key: BinKey, bin: Bin)]) throws {
        try changeEach(
            "INSERT INTO observation_bin (\(BinColumns.names)) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \(BinColumns.replace)",
            bins.map { key, bin in
                let extremes = BinColumns.extremes(bin)
                return BinColumns.values(key, bin).map { .integer($0) } + [extremes.low.databaseValue, extremes.high.databaseValue]
            })
    }

    func preparePartitions(for span: ClosedRange<Instant>) throws {}

    func preparePartitions(of table: String, _ first: Instant, _ last: Instant) throws {}

    let monthlyLog: (any MonthlyLog)? = nil

    /// Releases pages only if more than a tenth of the file and more than 1 MB is free. A file from before schema 8 cannot release pages.
    func releaseFreeSpace() throws -> Bool {
        let (free, pages) = (try connection.integer("PRAGMA freelist_count") ?? 0, try connection.integer("PRAGMA page_count") ?? 0)
        guard free > max(256, pages / 10), try connection.integer("PRAGMA auto_vacuum") == 2 else { return false }
        try connection.execute("PRAGMA incremental_vacuum(200)")
        return true
    }

    func checkIntegrity() throws {
        var check = try connection.prepare("PRAGMA quick_check(1)")
        guard try check.step(), check.text(0) == "ok" else { throw ArchiveFault.damagedRow("SQLite's check of the archive failed: \(check.text(0))") }
    }

    func backUp(to path: String) throws { try connection.backUp(to: path) }

    // MARK: values

    private static func bind(_ values: [DatabaseValue], to statement: borrowing Statement) throws(SQLiteError) {
        var index: Int32 = 0
        for value in values {
            index += 1
            switch value {
            case .null: try statement.bind(nil as Int64?, at: index)
            case .integer(let value): try statement.bind(value, at: index)
            case .real(let value): try statement.bind(value, at: index)
            case .text(let value): try statement.bind(value, at: index)
            case .bytes(let value): try statement.bind(value, at: index)
            }
        }
    }

    private static func value(_ statement: borrowing Statement, _ column: Int32) -> DatabaseValue {
        switch statement.type(column) {
        case .null: .null
        case .integer: .integer(statement.integer(column))
        case .real: .real(statement.double(column))
        case .text: .text(statement.text(column))
        case .blob: .bytes(statement.blob(column))
        }
    }
}

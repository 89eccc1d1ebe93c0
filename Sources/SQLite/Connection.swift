internal import CSQLite

/// One connection to a database file. Not `Sendable`: an actor on a `BlockingExecutor` confines it.
@safe package final class Connection {
    package enum Access: Sendable { case readWrite, readOnly }

    private let handle: OpaquePointer
    package let isReadOnly: Bool
    private let statements = StatementCache()

    /// - Parameters:
    ///   - path: a file, made when missing (read-write), or `:memory:`.
    ///   - cacheKiB: the page cache's limit.
    ///   - busyTimeoutMs: how long a lock of another process is waited for.
    package init(path: String, access: Access = .readWrite, cacheKiB: Int = 256, busyTimeoutMs: Int32 = 5_000) throws(SQLiteError) {
        var opened: OpaquePointer?
        let mode = access == .readWrite ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY
        let code = unsafe sqlite3_open_v2(path, &opened, mode | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nil)
        guard code == SQLITE_OK, let opened = unsafe opened else {
            let message = unsafe String(cString: sqlite3_errmsg(opened))  // its words for a null handle are "out of memory"
            unsafe sqlite3_close_v2(opened)
            throw SQLiteError(code: code, message: "cannot open \(path): \(message)", sql: "")
        }
        unsafe handle = opened
        isReadOnly = access == .readOnly
        unsafe sqlite3_busy_timeout(handle, busyTimeoutMs)
        try execute("PRAGMA cache_size = -\(cacheKiB)")
        try execute("PRAGMA foreign_keys = ON")
        if access == .readWrite, unsafe sqlite3_db_readonly(handle, "main") == 1 {  // SQLite's silent second best
            throw SQLiteError(code: SQLITE_READONLY, message: "\(path) cannot be written now", sql: "")
        }
    }

    deinit {
        statements.close()
        unsafe sqlite3_close_v2(handle)
    }

    /// Whether a commit waits until it is on the disk. Without it a power cut may take the last commits back, whole.
    package func setDurable(_ isDurable: Bool) throws(SQLiteError) { try execute("PRAGMA synchronous = \(isDurable ? "FULL" : "NORMAL")") }

    /// Write-ahead log, and an fsync at each commit: what is committed survives a power cut.
    package func makeDurable() throws(SQLiteError) {
        try execute("PRAGMA journal_mode = WAL")
        try execute("PRAGMA synchronous = FULL")
    }

    /// Moves all that the write-ahead log holds into the file, and empties the log.
    package func checkpoint() throws(SQLiteError) {
        var checkpoint = try prepare("PRAGMA wal_checkpoint(TRUNCATE)")
        guard try checkpoint.step(), checkpoint.integer(0) == 0 else {
            throw SQLiteError(code: SQLITE_BUSY, message: "the write-ahead log is in use", sql: "PRAGMA wal_checkpoint(TRUNCATE)")
        }
    }

    /// Whether the file has been deleted, renamed or replaced since it was opened.
    package var hasMoved: Bool {
        var moved: Int32 = 0
        let code = unsafe sqlite3_file_control(handle, "main", SQLITE_FCNTL_HAS_MOVED, &moved)
        return code == SQLITE_OK && moved != 0
    }

    /// Copies the whole database as it is now into a file. In one step: its read transaction holds up no writer of a
    /// write-ahead log, and smaller steps would begin anew with each commit of another process.
    /// - Parameter path: a file that is not there yet.
    package func backUp(to path: String) throws(SQLiteError) {
        let copy = try Connection(path: path)
        guard let backup = unsafe sqlite3_backup_init(copy.handle, "main", handle, "main") else { throw copy.error(SQLITE_ERROR, "backup") }
        var code = unsafe sqlite3_backup_step(backup, -1)
        while code == SQLITE_BUSY || code == SQLITE_LOCKED {
            sqlite3_sleep(20)
            code = unsafe sqlite3_backup_step(backup, -1)
        }
        let end = unsafe sqlite3_backup_finish(backup)
        guard code == SQLITE_DONE, end == SQLITE_OK else { throw copy.error(code == SQLITE_DONE ? end : code, "backup") }
    }

    /// One or more statements without parameters or results.
    package func execute(_ sql: String) throws(SQLiteError) {
        let code = unsafe sqlite3_exec(handle, sql, nil, nil, nil)
        guard code == SQLITE_OK else { throw error(code, sql) }
    }

    package func prepare(_ sql: String) throws(SQLiteError) -> Statement { try unsafe Statement(handle, sql, statements) }

    /// All or nothing. There is no `await` in `body`, so no other work of the actor slips in.
    package func transaction<Result>(_ body: () throws -> Result) throws -> Result {
        try execute("BEGIN IMMEDIATE")
        do {
            let result = try body()
            try execute("COMMIT")
            return result
        } catch {
            try? execute("ROLLBACK")  // fails where SQLite has rolled back by itself
            throw error
        }
    }

    /// The first column of the first row, where it is a number.
    package func integer(_ sql: String) throws(SQLiteError) -> Int64? {
        var statement = try prepare(sql)
        return try statement.step() ? statement.integer(0) : nil
    }

    package var changes: Int { Int(unsafe sqlite3_changes(handle)) }
    package var lastInsertedRow: Int64 { unsafe sqlite3_last_insert_rowid(handle) }

    private func error(_ code: Int32, _ sql: String) -> SQLiteError {
        unsafe SQLiteError(code: code, message: String(cString: sqlite3_errmsg(handle)), sql: sql)
    }

    /// For a process that keeps small databases: no statistics of memory. Once, before the first connection.
    package static func leanMemory() { _ = csqlite_lean_memory() }
}

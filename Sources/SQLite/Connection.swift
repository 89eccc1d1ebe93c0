internal import CSQLite

/// One connection to a database file. Not `Sendable`: an actor on a `BlockingExecutor` confines it.
@safe package final class Connection {
    package enum Access: Sendable { case readWrite, readOnly }

    private let handle: OpaquePointer
    package let isReadOnly: Bool
    private let statements = StatementCache()

    /// - Parameters:
    ///   - path: a file, created if missing (read-write), or `:memory:`.
    ///   - cacheKiB: the largest size of the page cache.
    ///   - busyTimeoutMs: how long to wait for a lock held by another process.
    package init(path: String, access: Access = .readWrite, cacheKiB: Int = 256, busyTimeoutMs: Int32 = 5_000) throws(SQLiteError) {
        var opened: OpaquePointer?
        let mode = access == .readWrite ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY
        let code = unsafe sqlite3_open_v2(path, &opened, mode | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nil)
        guard code == SQLITE_OK, let opened = unsafe opened else {
            let message = unsafe String(cString: sqlite3_errmsg(opened))  // for a null handle, SQLite returns "out of memory"
            unsafe sqlite3_close_v2(opened)
            throw SQLiteError(code: code, message: "cannot open \(path): \(message)", sql: "")
        }
        unsafe handle = opened
        isReadOnly = access == .readOnly
        unsafe sqlite3_busy_timeout(handle, busyTimeoutMs)
        try execute("PRAGMA cache_size = -\(cacheKiB)")
        try execute("PRAGMA foreign_keys = ON")
        if access == .readWrite, unsafe sqlite3_db_readonly(handle, "main") == 1 {  // SQLite opens an unwritable file read-only without an error
            throw SQLiteError(code: SQLITE_READONLY, message: "\(path) cannot be written now", sql: "")
        }
    }

    deinit {
        statements.close()
        unsafe sqlite3_close_v2(handle)
    }

    /// Sets whether a commit waits for the disk. If not, a power cut can undo the last commits; each commit is undone completely or not at all.
    package func setDurable(_ isDurable: Bool) throws(SQLiteError) { try execute("PRAGMA synchronous = \(isDurable ? "FULL" : "NORMAL")") }

    /// Uses a write-ahead log and an fsync at each commit: committed data survives a power cut.
    package func makeDurable() throws(SQLiteError) {
        try execute("PRAGMA journal_mode = WAL")
        try execute("PRAGMA synchronous = FULL")
    }

    /// Copies the write-ahead log into the database file and empties the log.
    /// - Throws: `SQLITE_BUSY` if another connection uses the log.
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

    /// Copies the present state of the whole database into a file, in one step: in write-ahead mode the read transaction blocks no writer, and a
    /// copy in smaller steps would restart at each commit of another process.
    /// - Parameter path: a file that does not exist yet.
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

    /// Runs one or more statements without parameters or results.
    package func execute(_ sql: String) throws(SQLiteError) {
        let code = unsafe sqlite3_exec(handle, sql, nil, nil, nil)
        guard code == SQLITE_OK else { throw error(code, sql) }
    }

    package func prepare(_ sql: String) throws(SQLiteError) -> Statement { try unsafe Statement(handle, sql, statements) }

    /// Runs `body` in a transaction, which is rolled back if `body` throws. `body` has no `await`, so the actor runs no other work in between.
    package func transaction<Result>(_ body: () throws -> Result) throws -> Result {
        try execute("BEGIN IMMEDIATE")
        do {
            let result = try body()
            try execute("COMMIT")
            return result
        } catch {
            try? execute("ROLLBACK")  // fails if SQLite has already rolled back
            throw error
        }
    }

    /// The first column of the first row as a number; `nil` without rows.
    package func integer(_ sql: String) throws(SQLiteError) -> Int64? {
        var statement = try prepare(sql)
        return try statement.step() ? statement.integer(0) : nil
    }

    package var changes: Int { Int(unsafe sqlite3_changes(handle)) }
    package var lastInsertedRow: Int64 { unsafe sqlite3_last_insert_rowid(handle) }

    private func error(_ code: Int32, _ sql: String) -> SQLiteError {
        unsafe SQLiteError(code: code, message: String(cString: sqlite3_errmsg(handle)), sql: sql)
    }

    /// Turns off SQLite's memory statistics, for a process with small databases. Call once, before the first connection.
    package static func disableMemoryStatistics() { _ = csqlite_lean_memory() }
}

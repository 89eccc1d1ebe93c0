internal import CSQLite

/// A failed call of SQLite: the extended result code, SQLite's message, the statement.
package struct SQLiteError: Error, Sendable, CustomStringConvertible {
    package let code: Int32
    package let message: String
    package let sql: String

    package var description: String { "sqlite \(code): \(message)" + (sql.isEmpty ? "" : " in «\(sql)»") }

    private var primary: Int32 { code & 0xFF }
    package var isFull: Bool { primary == SQLITE_FULL }
    package var isBusy: Bool { primary == SQLITE_BUSY || primary == SQLITE_LOCKED }
    package var isCorrupt: Bool { primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB }
    /// Whether reopening may help: the disk failed, or the file was not writable when it was opened.
    package var needsReopen: Bool { primary == SQLITE_IOERR || primary == SQLITE_READONLY }
    /// Whether a retry may succeed: the database is busy, or the disk is full, read-only or failing now.
    package var isRetryable: Bool {
        [SQLITE_BUSY, SQLITE_LOCKED, SQLITE_FULL, SQLITE_IOERR, SQLITE_READONLY, SQLITE_CANTOPEN].contains(primary)
    }
}

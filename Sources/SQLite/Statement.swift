internal import CSQLite

/// A prepared statement. Bind parameters by position from 1, then call `step()` while it returns true.
@safe package struct Statement: ~Copyable {
    private let entry: StatementCache.Entry
    private var handle: OpaquePointer { unsafe entry.handle }
    private let connection: OpaquePointer
    private let sql: String
    private let cache: StatementCache

    init(_ connection: OpaquePointer, _ sql: String, _ cache: StatementCache) throws(SQLiteError) {
        self.cache = cache
        unsafe (self.connection, self.sql) = (connection, sql)
        if let entry = cache.take(sql) {
            self.entry = entry
            return
        }
        var handle: OpaquePointer?
        let code = unsafe sqlite3_prepare_v3(connection, sql, -1, 0, &handle, nil)
        guard code == SQLITE_OK, let handle = unsafe handle else {
            throw unsafe SQLiteError(code: code, message: String(cString: sqlite3_errmsg(connection)), sql: sql)
        }
        entry = unsafe cache.add(handle, sql)
    }

    deinit { cache.put(entry, sql) }

    package func bind(_ value: Int64?, at index: Int32) throws(SQLiteError) {
        if let value { try check(unsafe sqlite3_bind_int64(handle, index, value)) } else { try bindNull(at: index) }
    }
    package func bind(_ value: Int32?, at index: Int32) throws(SQLiteError) { try bind(value.map(Int64.init), at: index) }
    /// SQLite stores NaN as NULL.
    package func bind(_ value: Double?, at index: Int32) throws(SQLiteError) {
        if let value { try check(unsafe sqlite3_bind_double(handle, index, value)) } else { try bindNull(at: index) }
    }
    package func bind(_ value: String?, at index: Int32) throws(SQLiteError) {
        guard var value else { return try bindNull(at: index) }
        let code = value.withUTF8 { unsafe csqlite_bind_text(handle, index, $0.baseAddress, Int32($0.count)) }
        try check(code)
    }
    package func bind(_ value: [UInt8]?, at index: Int32) throws(SQLiteError) {
        guard let value else { return try bindNull(at: index) }
        let code = unsafe value.withUnsafeBytes { unsafe csqlite_bind_blob(handle, index, $0.baseAddress, Int32($0.count)) }
        try check(code)
    }
    private func bindNull(at index: Int32) throws(SQLiteError) { try check(unsafe sqlite3_bind_null(handle, index)) }

    /// - Returns: whether a row is available.
    package mutating func step() throws(SQLiteError) -> Bool {
        switch unsafe sqlite3_step(handle) {
        case SQLITE_ROW: return true
        case SQLITE_DONE: return false
        case let code: throw failure(code)
        }
    }

    /// Runs a statement that returns no rows, and resets the statement for the next run.
    package mutating func run() throws(SQLiteError) {
        let code = unsafe sqlite3_step(handle)
        let error = code == SQLITE_DONE || code == SQLITE_ROW ? nil : failure(code)
        unsafe sqlite3_reset(handle)
        if let error { throw error }
    }

    package mutating func reset() { unsafe sqlite3_reset(handle) }

    package enum ColumnType: Sendable { case null, integer, real, text, blob }

    /// The type of the value in a column of the current row.
    package func type(_ column: Int32) -> ColumnType {
        switch unsafe sqlite3_column_type(handle, column) {
        case SQLITE_INTEGER: .integer
        case SQLITE_FLOAT: .real
        case SQLITE_TEXT: .text
        case SQLITE_BLOB: .blob
        default: .null
        }
    }

    package var columnCount: Int32 { unsafe sqlite3_column_count(handle) }

    package func isNull(_ column: Int32) -> Bool { unsafe sqlite3_column_type(handle, column) == SQLITE_NULL }
    package func integer(_ column: Int32) -> Int64 { unsafe sqlite3_column_int64(handle, column) }
    package func optionalInteger(_ column: Int32) -> Int64? { isNull(column) ? nil : integer(column) }
    package func double(_ column: Int32) -> Double { unsafe sqlite3_column_double(handle, column) }
    package func text(_ column: Int32) -> String {
        guard let bytes = unsafe sqlite3_column_text(handle, column) else { return "" }
        let count = Int(unsafe sqlite3_column_bytes(handle, column))
        return unsafe String(decoding: UnsafeBufferPointer(start: bytes, count: count), as: UTF8.self)
    }
    package func optionalText(_ column: Int32) -> String? { isNull(column) ? nil : text(column) }
    package func blob(_ column: Int32) -> [UInt8] {
        guard let bytes = unsafe sqlite3_column_blob(handle, column) else { return [] }
        let count = Int(unsafe sqlite3_column_bytes(handle, column))
        return unsafe [UInt8](UnsafeRawBufferPointer(start: bytes, count: count))
    }

    private func check(_ code: Int32) throws(SQLiteError) {
        guard code == SQLITE_OK else { throw failure(code) }
    }
    private func failure(_ code: Int32) -> SQLiteError {
        unsafe SQLiteError(code: code, message: String(cString: sqlite3_errmsg(connection)), sql: sql)
    }
}

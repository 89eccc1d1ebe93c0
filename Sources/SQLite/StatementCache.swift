internal import CSQLite

/// Prepared statements by their SQL, for the next use: parsing costs more than most statements do.
@safe final class StatementCache {
    private var idle: [String: OpaquePointer] = unsafe [:]
    private var isClosed = false
    private static let limit = 64

    /// A statement that is reset and bound to nothing, if there is one.
    func take(_ sql: String) -> OpaquePointer? { unsafe idle.removeValue(forKey: sql) }

    func put(_ handle: OpaquePointer, _ sql: String) {
        // One of a kind is enough: where it is in use, its second was for a moment.
        guard !isClosed, unsafe idle.count < StatementCache.limit, unsafe idle[sql] == nil else {
            unsafe sqlite3_finalize(handle)
            return
        }
        unsafe sqlite3_reset(handle)
        unsafe sqlite3_clear_bindings(handle)
        unsafe idle[sql] = handle
    }

    /// Before the connection is closed.
    func close() {
        isClosed = true
        unsafe idle.values.forEach { unsafe sqlite3_finalize($0) }
        unsafe idle = [:]
    }
}

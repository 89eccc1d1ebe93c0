internal import CSQLite

/// Idle prepared statements by SQL text, for reuse: parsing takes longer than most statements run.
@safe final class StatementCache {
    private var idle: [String: OpaquePointer] = unsafe [:]
    private var isClosed = false
    private static let limit = 64

    /// A reset statement without bound values, if the cache has one.
    func take(_ sql: String) -> OpaquePointer? { unsafe idle.removeValue(forKey: sql) }

    func put(_ handle: OpaquePointer, _ sql: String) {
        // Keep one statement per SQL text: a second statement is only needed while the first is in use.
        guard !isClosed, unsafe idle.count < StatementCache.limit, unsafe idle[sql] == nil else {
            unsafe sqlite3_finalize(handle)
            return
        }
        unsafe sqlite3_reset(handle)
        unsafe sqlite3_clear_bindings(handle)
        unsafe idle[sql] = handle
    }

    /// Call before the connection is closed.
    func close() {
        isClosed = true
        unsafe idle.values.forEach { unsafe sqlite3_finalize($0) }
        unsafe idle = [:]
    }
}

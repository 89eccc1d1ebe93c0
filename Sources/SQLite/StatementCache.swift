internal import CSQLite

/// Keeps prepared statements by their SQL text, so that a text is parsed once: parsing takes longer than running most statements.
@safe final class StatementCache {
    /// A statement that is in use or waits for its next use.
    @safe final class Entry {
        let handle: OpaquePointer
        var isInUse = true
        init(_ handle: OpaquePointer) { unsafe self.handle = handle }
    }

    /// A statement's text. Only its length and its last 8 bytes are hashed, because hashing a long text is slow. `==` compares whole texts.
    private struct Key: Hashable {
        let sql: String
        func hash(into hasher: inout Hasher) {
            let end = sql.utf8.suffix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            hasher.combine(UInt64(truncatingIfNeeded: sql.utf8.count) &* 0x9E37_79B9_7F4A_7C15 ^ end)
        }
    }

    private var entries: [Key: Entry] = [:]
    private var isClosed = false
    private static let limit = 96

    /// - Returns: a statement that is reset and has no bound values; `nil` if the cache has none for this text, or if it is in use.
    func take(_ sql: String) -> Entry? {
        guard let entry = entries[Key(sql: sql)], !entry.isInUse else { return nil }
        entry.isInUse = true
        return entry
    }

    /// Adds a new statement, which is in use now. The cache keeps one statement per SQL text.
    func add(_ handle: OpaquePointer, _ sql: String) -> Entry {
        let entry = unsafe Entry(handle)
        if !isClosed, entries.count < StatementCache.limit, entries[Key(sql: sql)] == nil { entries[Key(sql: sql)] = entry }
        return entry
    }

    func put(_ entry: Entry, _ sql: String) {
        guard !isClosed, entries[Key(sql: sql)] === entry else {
            unsafe sqlite3_finalize(entry.handle)
            return
        }
        unsafe sqlite3_reset(entry.handle)
        unsafe sqlite3_clear_bindings(entry.handle)
        entry.isInUse = false
    }

    /// Call before the connection is closed. Statements in use are finalized when their use ends.
    func close() {
        isClosed = true
        for entry in entries.values where !entry.isInUse { unsafe sqlite3_finalize(entry.handle) }
        entries = [:]
    }
}

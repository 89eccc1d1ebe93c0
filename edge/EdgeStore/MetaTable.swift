internal import SQLite

/// Single values by name, and the last accepted release.
package struct MetaTable {
    private let database: Connection

    init(_ database: Connection) { self.database = database }

    package func value(_ name: String) throws -> String? {
        var select = try database.prepare("SELECT value FROM meta WHERE name = ?", name)
        return try select.step() ? select.text(0) : nil
    }

    /// Writes a value, unless it is unchanged.
    package func set(_ name: String, _ value: String) throws {
        if try self.value(name) == value { return }
        try database.run("INSERT OR REPLACE INTO meta VALUES (?, ?)", name, value)
    }

    /// Counter and hash of the last accepted release. A release with a lower counter is never accepted again.
    package func acceptedRelease() throws -> (counter: UInt64, sha256: String)? {
        var select = try database.prepare("SELECT counter, sha256 FROM accepted_release")
        return try select.step() ? (UInt64(bitPattern: select.integer(0)), select.text(1)) : nil
    }

    package func acceptRelease(counter: UInt64, sha256: String) throws {
        try database.run("INSERT OR REPLACE INTO accepted_release VALUES (1, ?, ?)", Int64(bitPattern: counter), sha256)
    }
}

internal import SQLite

/// Single values by name.
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
}

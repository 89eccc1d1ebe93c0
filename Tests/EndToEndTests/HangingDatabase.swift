import SQLite

/// Makes a server hang inside one of its transactions, so that a test can kill the server there.
enum HangingDatabase {
    /// Adds a trigger that never ends.
    /// - Parameter event: when the trigger fires, such as `AFTER INSERT ON release`.
    static func addTrigger(_ event: String, to path: String) throws {
        try Connection(path: path).execute(
            """
            CREATE VIEW IF NOT EXISTS endless AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x FROM n;
            CREATE TRIGGER hang \(event) BEGIN SELECT (SELECT COUNT(*) FROM endless); END
            """)
    }

    static func removeTrigger(from path: String) throws { try Connection(path: path).execute("DROP TRIGGER hang") }

    /// Whether another program holds a write transaction for half a second.
    static func isLocked(_ path: String) throws -> Bool {
        let connection = try Connection(path: path, busyTimeoutMs: 500)
        do {
            try connection.execute("BEGIN IMMEDIATE; ROLLBACK")
            return false
        } catch let error where error.isRetryable { return true }
    }
}

internal import Measures

/// Ended runs that other programs must learn of.
extension Archive {
    /// Ended runs that the webhook has not accepted yet, oldest first.
    package func runsToNotify() throws -> [Run] { try runs("WHERE notify = 1 AND ended_at_ms IS NOT NULL ORDER BY id LIMIT 100", []) }

    package func markNotified(_ run: Run) throws {
        try database.run("UPDATE run SET notify = 0 WHERE id = ? AND ended_at_ms = ?", run.id, run.endedAt?.ms)
    }

    /// Ended runs that are not copied to MLflow yet, oldest first.
    package func runsToMirror() throws -> [Run] { try runs("WHERE mirror = 1 AND ended_at_ms IS NOT NULL ORDER BY id LIMIT 100", []) }

    package func markMirrored(_ run: Run) throws {
        try database.run("UPDATE run SET mirror = 0 WHERE id = ? AND ended_at_ms = ?", run.id, run.endedAt?.ms)
    }
}

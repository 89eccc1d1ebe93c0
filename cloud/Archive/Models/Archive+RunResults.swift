package import Measures

/// Stores the results of a run's steps: the candidate, parameters and metrics, messages.
extension Archive {
    package func setDeviceDays(_ days: Double, of run: Int64) throws { try database.run("UPDATE run SET device_days = ? WHERE id = ?", days, run) }

    package func setSnapshot(_ snapshot: String, of run: Int64) throws { try database.run("UPDATE run SET snapshot = ? WHERE id = ?", snapshot, run) }

    package func setRelease(_ counter: UInt64, of run: Int64) throws {
        try database.run("UPDATE run SET release = ? WHERE id = ?", Int64(bitPattern: counter), run)
    }

    /// Stores a candidate: an unsigned release.
    package func setCandidate(_ bytes: [UInt8], sha256: String, of run: Int64) throws {
        try database.run(
            """
            INSERT INTO run_candidate (run, sha256, body) VALUES (?, ?, ?)
            ON CONFLICT (run) DO UPDATE SET sha256 = excluded.sha256, body = excluded.body
            """, run, sha256, bytes)
    }

    package func candidate(of run: Int64) throws -> [UInt8]? {
        try database.row("SELECT body FROM run_candidate WHERE run = ?", run).map { $0.bytes(0) }
    }

    /// The newest earlier run that has done a step with the same inputs and still has its candidate.
    package func earlierRun(before run: Int64, step: String, inputs: String) throws -> Int64? {
        try database.integer(
            """
            SELECT MAX(s.run) FROM run_step s JOIN run_candidate c ON c.run = s.run
            WHERE s.run < ? AND s.name = ? AND s.inputs = ? AND s.state = 'done'
            """, run, step, inputs)
    }

    /// Parameters and metrics of a run; a figure that exists already gets the new value.
    package func setFigures(_ figures: [(name: String, value: String)], of run: Int64) throws {
        try database.changeEach(
            "INSERT INTO run_figure (run, name, value) VALUES (?, ?, ?) ON CONFLICT (run, name) DO UPDATE SET value = excluded.value",
            figures.map { [.integer(run), .text($0.name), .text($0.value)] })
    }

    package func figures(of run: Int64) throws -> [(name: String, value: String)] {
        try database.rows("SELECT name, value FROM run_figure WHERE run = ? ORDER BY name", run).map { ($0.text(0), $0.text(1)) }
    }

    /// - Returns: empty if the run does not have the figure.
    package func figure(_ name: String, of run: Int64) throws -> String {
        try database.row("SELECT value FROM run_figure WHERE run = ? AND name = ?", run, name)?.text(0) ?? ""
    }

    /// The newest earlier run that has come to a verdict on the same snapshot with the same configuration.
    package func finishedRun(before run: Int64, snapshot: String, configuration: String) throws -> Int64? {
        try database.integer(
            """
            SELECT MAX(r.id) FROM run r JOIN run_figure f ON f.run = r.id AND f.name = 'configuration' AND f.value = ?
            WHERE r.id < ? AND r.snapshot = ? AND r.outcome IN ('promoted', 'rolling_out', 'champion_kept', 'unsigned')
            """, configuration, run, snapshot)
    }

    package struct RunMessage: Sendable, Equatable {
        package let at: Instant
        package let step: String
        package let message: String
    }

    private static let messagesPerRun: Int64 = 1_000

    /// Adds a message to the log of a run. A run keeps its first 1,000 messages.
    func append(_ message: String, to run: Run, now: Instant) throws {
        try database.run(
            """
            INSERT INTO run_log (run, number, at_ms, step, message)
            SELECT ?1, COALESCE((SELECT MAX(number) FROM run_log WHERE run = ?1), 0) + 1, ?2,
                COALESCE((SELECT name FROM run_step WHERE run = ?1 AND step = ?3), ''), ?4
            WHERE (SELECT COUNT(*) FROM run_log WHERE run = ?1) < \(Archive.messagesPerRun)
            """, run.id, now.ms, run.step, message)
    }

    package func messages(of run: Int64) throws -> [RunMessage] {
        try database.rows("SELECT at_ms, step, message FROM run_log WHERE run = ? ORDER BY number", run).map { row in
            RunMessage(at: Instant(ms: row.integer(0)), step: row.text(1), message: row.text(2))
        }
    }
}

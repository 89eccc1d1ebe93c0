package import Measures

/// Runs of the pipeline. All progress is in the archive, so that a run goes on at its current step after any program ends.
extension Archive {
    package struct Run: Sendable, Equatable {
        package let id: Int64
        package let kind: String
        package let cause: String  // `manual`, `new data`, `schedule`, `request`
        package let author: String
        package let createdAt: Instant
        package let endedAt: Instant?
        package let step: Int  // the place of the current step
        package let attempts: Int  // failed attempts of the current step
        package let retryAt: Instant
        package let cancelledBy: String?
        package let outcome: String  // empty until the run has ended
        package let detail: String
        package let snapshot: String
        package let deviceDays: Double
        package let release: UInt64?
    }

    /// Two runs of one kind at once could promote two releases against the same champion.
    package struct RunInProgress: Error, CustomStringConvertible {
        package let run: Int64
        package var description: String {
            "another training run is in progress (run \(run)): wait until it has ended, or cancel it with vaho-cloud runs cancel \(run)"
        }
    }

    private static let runColumns = """
        id, kind, cause, author, created_at_ms, ended_at_ms, step, attempts, retry_at_ms, cancelled_by, outcome, detail, snapshot, device_days, release
        """

    private func runs(_ condition: String, _ values: [DatabaseValue]) throws -> [Run] {
        try database.rows("SELECT \(Archive.runColumns) FROM run \(condition)", values).map { row in
            Run(
                id: row.integer(0), kind: row.text(1), cause: row.text(2), author: row.text(3), createdAt: Instant(ms: row.integer(4)),
                endedAt: row.optionalInteger(5).map(Instant.init(ms:)), step: Int(row.integer(6)), attempts: Int(row.integer(7)),
                retryAt: Instant(ms: row.integer(8)), cancelledBy: row.optionalText(9), outcome: row.text(10), detail: row.text(11),
                snapshot: row.text(12), deviceDays: row.double(13), release: row.optionalInteger(14).map { UInt64(bitPattern: $0) })
        }
    }

    /// Runs, newest first.
    /// - Parameter id: only runs with a smaller id; `nil` from the newest.
    package func runs(before id: Int64? = nil, limit: Int) throws -> [Run] {
        try runs("WHERE id < ? ORDER BY id DESC LIMIT ?", [.integer(id ?? .max), .integer(Int64(limit))])
    }

    package func run(_ id: Int64) throws -> Run? { try runs("WHERE id = ?", [.integer(id)]).first }

    /// The run of a kind that has not ended.
    package func unfinishedRun(kind: String) throws -> Run? { try runs("WHERE kind = ? AND ended_at_ms IS NULL", [.text(kind)]).first }

    /// The last run of a kind that has ended.
    package func lastRun(kind: String) throws -> Run? {
        try runs("WHERE kind = ? AND ended_at_ms IS NOT NULL ORDER BY id DESC LIMIT 1", [.text(kind)]).first
    }

    /// - Throws: `RunInProgress` if a run of this kind has not ended.
    package func startRun(kind: String, cause: String, author: String, now: Instant) throws -> Run {
        try database.transaction {
            // A unique index refuses a second unfinished run, also one that another program adds at the same moment.
            let row = try database.row(
                "INSERT INTO run (kind, cause, author, created_at_ms) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING id", kind, cause, author,
                now.ms)
            guard let row else { throw RunInProgress(run: try unfinishedRun(kind: kind)?.id ?? 0) }
            guard let run = try run(row.integer(0)) else { throw ArchiveFault.damagedRow("the new run cannot be read") }
            return run
        }
    }

    // MARK: steps

    package struct StepRecord: Sendable, Equatable {
        package let step: Int
        package let name: String
        package let state: String  // `running`, `done` or `failed`
        package let inputs: String  // the hash of all that the step's result depends on
        package let attempts: Int
        package let startedAt: Instant
        package let endedAt: Instant?
        package let detail: String
    }

    package func steps(of run: Int64) throws -> [StepRecord] {
        try database.rows(
            "SELECT step, name, state, inputs, attempts, started_at_ms, ended_at_ms, detail FROM run_step WHERE run = ? ORDER BY step", run
        ).map { row in
            StepRecord(
                step: Int(row.integer(0)), name: row.text(1), state: row.text(2), inputs: row.text(3), attempts: Int(row.integer(4)),
                startedAt: Instant(ms: row.integer(5)), endedAt: row.optionalInteger(6).map(Instant.init(ms:)), detail: row.text(7))
        }
    }

    /// - Parameter onlyIfMissing: changes nothing if the step has begun already.
    package func beginStep(_ name: String, inputs: String, of run: Run, now: Instant, onlyIfMissing: Bool = false) throws {
        if onlyIfMissing, try database.row("SELECT 1 FROM run_step WHERE run = ? AND step = ?", run.id, run.step) != nil { return }
        try database.run(
            """
            INSERT INTO run_step (run, step, name, state, inputs, attempts, started_at_ms) VALUES (?1, ?2, ?3, 'running', ?4, 1, ?5)
            ON CONFLICT (run, step) DO UPDATE SET state = 'running', inputs = excluded.inputs, attempts = run_step.attempts + 1,
                started_at_ms = excluded.started_at_ms, ended_at_ms = NULL, detail = ''
            """, run.id, run.step, name, inputs, now.ms)
    }

    /// Stores the results of a step and moves to the next step, in one transaction.
    /// - Parameter results: changes that belong to the step.
    package func completeStep(
        of run: Run, detail: String, now: Instant, results: @Sendable (isolated Archive) throws -> Void = { _ in }
    ) throws {
        try database.transaction {
            try results(self)
            try endStep(of: run, state: "done", detail: detail, now: now)
            let moved = try database.run(
                "UPDATE run SET step = step + 1, attempts = 0, retry_at_ms = 0 WHERE id = ? AND step = ? AND ended_at_ms IS NULL", run.id, run.step)
            guard moved == 1 else { throw RunMoved(run: run.id) }
            try append("\(detail)", to: run, now: now)
        }
    }

    /// Another program has moved the run in the meantime.
    package struct RunMoved: Error, CustomStringConvertible {
        let run: Int64
        package var description: String { "run \(run) was continued by another program" }
    }

    /// Records a failed attempt. The step is tried again later.
    package func failStep(of run: Run, error: String, retryAt: Instant, now: Instant) throws {
        try database.transaction {
            try endStep(of: run, state: "failed", detail: error, now: now)
            try database.run(
                "UPDATE run SET attempts = attempts + 1, retry_at_ms = ? WHERE id = ? AND step = ? AND ended_at_ms IS NULL", retryAt.ms, run.id,
                run.step)
            try append(error, to: run, now: now)
        }
    }

    private func endStep(of run: Run, state: String, detail: String, now: Instant) throws {
        try database.run(
            "UPDATE run_step SET state = ?, detail = ?, ended_at_ms = ? WHERE run = ? AND step = ?", state, detail, now.ms, run.id, run.step)
    }

    /// Ends a run: at its last step, or before, because there is nothing more to do.
    /// - Parameters:
    ///   - state: of the current step: `done`, `failed`.
    ///   - results: changes that belong to the end.
    package func end(
        _ run: Run, outcome: String, detail: String, stepState state: String, now: Instant,
        results: @Sendable (isolated Archive) throws -> Void = { _ in }
    ) throws {
        try database.transaction {
            try results(self)
            try endStep(of: run, state: state, detail: detail, now: now)
            let ended = try database.run(
                "UPDATE run SET ended_at_ms = ?, outcome = ?, detail = ?, notify = 1, mirror = 1 WHERE id = ? AND ended_at_ms IS NULL",
                max(now, run.createdAt).ms, outcome, detail, run.id)
            guard ended == 1 else { throw RunMoved(run: run.id) }
            try append("\(outcome): \(detail)", to: run, now: now)
            // Candidates are large; the newest are kept, because a later run with the same inputs uses them again.
            try database.run("DELETE FROM run_candidate WHERE run < (SELECT MAX(id) FROM run) - \(Archive.keptCandidates)")
        }
    }
    private static let keptCandidates = 20

    /// - Returns: `false` if the run has ended already or does not exist.
    package func cancelRun(_ id: Int64, author: String) throws -> Bool {
        try database.run("UPDATE run SET cancelled_by = ? WHERE id = ? AND ended_at_ms IS NULL", author, id) > 0
    }

    package func isCancelled(_ id: Int64) throws -> Bool {
        try database.row("SELECT 1 FROM run WHERE id = ? AND (cancelled_by IS NOT NULL OR ended_at_ms IS NOT NULL)", id) != nil
    }

    /// Continues a run that failed or was cancelled, at the step where it ended.
    /// - Returns: `false` if the run does not exist, has not ended, or ended because nothing was left to do.
    /// - Throws: `RunInProgress` if another run of this kind has not ended.
    package func retryRun(_ id: Int64) throws -> Bool {
        try database.transaction {
            guard let run = try run(id), run.endedAt != nil, ["failed", "cancelled"].contains(run.outcome) else { return false }
            if let unfinished = try unfinishedRun(kind: run.kind) { throw RunInProgress(run: unfinished.id) }
            try database.run(
                """
                UPDATE run SET ended_at_ms = NULL, outcome = '', detail = '', cancelled_by = NULL, attempts = 0, retry_at_ms = 0, notify = 0, mirror = 0
                WHERE id = ?
                """, id)
            return true
        }
    }

    /// Ended runs that the webhook has not accepted yet, oldest first.
    package func runsToNotify() throws -> [Run] { try runs("WHERE notify = 1 AND ended_at_ms IS NOT NULL ORDER BY id LIMIT 100", []) }

    package func markNotified(_ run: Run) throws { try database.run("UPDATE run SET notify = 0 WHERE id = ?", run.id) }

    /// Ended runs that are not copied to MLflow yet, oldest first.
    package func runsToMirror() throws -> [Run] { try runs("WHERE mirror = 1 AND ended_at_ms IS NOT NULL ORDER BY id LIMIT 100", []) }

    package func markMirrored(_ run: Run) throws { try database.run("UPDATE run SET mirror = 0 WHERE id = ?", run.id) }

    // MARK: what steps store

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
            WHERE r.id < ? AND r.snapshot = ? AND r.outcome IN ('promoted', 'champion_kept')
            """, configuration, run, snapshot)
    }

    package struct RunMessage: Sendable, Equatable {
        package let at: Instant
        package let step: String
        package let message: String
    }

    private static let messagesPerRun: Int64 = 1_000

    /// Adds a message to the log of a run. A run keeps its first 1,000 messages.
    private func append(_ message: String, to run: Run, now: Instant) throws {
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

package import Measures

/// Runs of the pipeline. All progress is in the archive, so that a run goes on at its current step after any program ends.
extension Archive {
    package struct Run: Sendable, Equatable {
        package let id: Int64
        package let kind: String
        package let cause: String  // `manual`, `manual: REASON`, `new data`, `decay …`, `schedule` or `request`
        package let author: String
        package let createdAt: Instant
        package let endedAt: Instant?
        package let step: Int  // the place of the current step
        package let failedAttempts: Int  // of the current step
        package let starts: Int  // of the current step: more than the failed attempts if a program ended during the step
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
        id, kind, cause, author, created_at_ms, ended_at_ms, step, failed_attempts, retry_at_ms, cancelled_by, outcome, detail, snapshot, device_days,
        release, COALESCE((SELECT s.attempts FROM run_step s WHERE s.run = run.id AND s.step = run.step), 0)
        """

    func runs(_ condition: String, _ values: [DatabaseValue]) throws -> [Run] {
        try database.rows("SELECT \(Archive.runColumns) FROM run \(condition)", values).map { row in
            Run(
                id: row.integer(0), kind: row.text(1), cause: row.text(2), author: row.text(3), createdAt: Instant(ms: row.integer(4)),
                endedAt: row.optionalInteger(5).map(Instant.init(ms:)), step: Int(row.integer(6)), failedAttempts: Int(row.integer(7)),
                starts: Int(row.integer(15)),
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

    /// - Parameters:
    ///   - attribution: `nil`: the training rule starts the run.
    ///   - candidate: an unsigned release that the run is to judge instead of training one.
    /// - Throws: `RunInProgress` if a run of this kind has not ended.
    package func startRun(
        kind: String, cause: String, by attribution: Attribution?, now: Instant, candidate: (bytes: [UInt8], sha256: String)? = nil
    ) throws -> Run {
        try database.transaction {
            // A unique index refuses a second unfinished run, also one that another program adds at the same moment.
            func insert() throws -> Row? {
                try database.row(
                    "INSERT INTO run (kind, cause, author, created_at_ms) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING id", kind, cause,
                    attribution?.author ?? "", now.ms)
            }
            var row = try insert()
            while row == nil {
                if let unfinished = try unfinishedRun(kind: kind) { throw RunInProgress(run: unfinished.id) }
                row = try insert()  // the other run has ended in the meantime
            }
            guard let row else { throw ArchiveFault.damagedRow("the new run cannot be read") }
            guard let run = try run(row.integer(0)) else { throw ArchiveFault.damagedRow("the new run cannot be read") }
            if let candidate { try setCandidate(candidate.bytes, sha256: candidate.sha256, of: run.id) }
            try recordAudit(
                "run started", of: "run \(run.id)", cause, by: attribution ?? Attribution(author: "training rule", reason: cause), now: now)
            return run
        }
    }

    /// Ends a run, at its last step or earlier.
    /// - Parameters:
    ///   - state: of the current step: `done`, `failed` or `cancelled`.
    ///   - results: changes that belong to the end.
    package func end(
        _ run: Run, outcome: String, detail: String, stepState state: String, now: Instant,
        results: @Sendable (isolated Archive) throws -> Void = { _ in }
    ) throws {
        try database.transaction {
            try results(self)
            try endStep(of: run, state: state, detail: detail, now: now)
            let ended = try database.run(
                """
                UPDATE run SET ended_at_ms = ?, outcome = ?, detail = ?, notify = 1, mirror = 1
                WHERE id = ? AND ended_at_ms IS NULL AND (cancelled_by IS NULL OR ? = 'cancelled')
                """, max(now, run.createdAt).ms, outcome, detail, run.id, outcome)
            guard ended == 1 else { throw RunMoved(run: run.id) }
            try append("\(outcome): \(detail)", to: run, now: now)
            // Candidates are large; the newest are kept, because a later run with the same inputs uses them again.
            try database.run("DELETE FROM run_candidate WHERE run < (SELECT MAX(id) FROM run) - \(Archive.keptCandidates)")
        }
    }
    private static let keptCandidates = 20

    /// - Returns: `false` if the run has ended already or does not exist.
    package func cancelRun(_ id: Int64, by attribution: Attribution, now: Instant) throws -> Bool {
        try database.transaction {
            let cancelled = try database.run("UPDATE run SET cancelled_by = ? WHERE id = ? AND ended_at_ms IS NULL", attribution.author, id)
            if cancelled > 0 { try recordAudit("run cancelled", of: "run \(id)", by: attribution, now: now) }
            return cancelled > 0
        }
    }

    package func isCancelled(_ id: Int64) throws -> Bool {
        try database.row("SELECT 1 FROM run WHERE id = ? AND (cancelled_by IS NOT NULL OR ended_at_ms IS NOT NULL)", id) != nil
    }

    /// Continues a run that failed or was cancelled, at the step where it ended.
    /// - Returns: `false` if the run does not exist, has not ended, or ended because nothing was left to do.
    /// - Parameter restart: the step that the run goes back to if its snapshot or its candidate does not exist any more.
    /// - Throws: `RunInProgress` if another run of this kind has not ended.
    package func retryRun(_ id: Int64, restart: Int? = nil, by attribution: Attribution, now: Instant) throws -> Bool {
        try database.transaction {
            guard let run = try run(id), run.endedAt != nil, ["failed", "cancelled"].contains(run.outcome) else { return false }
            if let unfinished = try unfinishedRun(kind: run.kind) { throw RunInProgress(run: unfinished.id) }
            try database.run(
                """
                UPDATE run SET ended_at_ms = NULL, outcome = '', detail = '', cancelled_by = NULL, failed_attempts = 0, retry_at_ms = 0, notify = 0,
                    mirror = 0
                WHERE id = ?
                """, id)
            try recordAudit("run continued", of: "run \(id)", by: attribution, now: now)
            try database.run("UPDATE run_step SET attempts = 0 WHERE run = ? AND step = ?", id, run.step)
            // What the step needs may have been deleted in the meantime.
            if let step = restart, try !hasInputs(of: run) { try database.run("UPDATE run SET step = ? WHERE id = ? AND step > ?", step, id, step) }
            return true
        }
    }

    /// Whether the snapshot and the candidate exist that the current step of a run needs.
    private func hasInputs(of run: Run) throws -> Bool {
        guard try run.snapshot.isEmpty || snapshot(sha256: run.snapshot) != nil else { return false }
        let hasTrained = try database.row("SELECT 1 FROM run_step WHERE run = ? AND name = 'train' AND state = 'done'", run.id) != nil
        return try !hasTrained || candidate(of: run.id) != nil
    }
}

package import Measures

/// The steps of a run. One transaction stores the results of a step and moves the run to the next step.
extension Archive {
    package struct StepRecord: Sendable, Equatable {
        package let step: Int
        package let name: String
        package let state: String  // `running`, `done`, `failed` or `cancelled`
        package let inputs: String  // of `train` and `backtest`: the hash of the step's inputs; else the snapshot
        package let attempts: Int  // how often the step was started
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
                "UPDATE run SET step = step + 1, failed_attempts = 0, retry_at_ms = 0 WHERE id = ? AND step = ? AND ended_at_ms IS NULL", run.id,
                run.step)
            guard moved == 1 else { throw RunMoved(run: run.id) }
            try append(detail, to: run, now: now)
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
                "UPDATE run SET failed_attempts = failed_attempts + 1, retry_at_ms = ? WHERE id = ? AND step = ? AND ended_at_ms IS NULL", retryAt.ms,
                run.id,
                run.step)
            try append(error, to: run, now: now)
        }
    }

    func endStep(of run: Run, state: String, detail: String, now: Instant) throws {
        try database.run(
            "UPDATE run_step SET state = ?, detail = ?, ended_at_ms = ? WHERE run = ? AND step = ?", state, detail, now.ms, run.id, run.step)
    }
}

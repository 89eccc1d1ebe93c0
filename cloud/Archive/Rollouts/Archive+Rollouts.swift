package import Measures
internal import Text

/// Rollouts and their events.
extension Archive {
    private static let rolloutColumns = """
        id, release, control, tags, steps, step, changed_at_ms, through, state, author, cause, run, created_at_ms, ended_at_ms, detail
        """

    private func rollouts(_ condition: String, _ values: [DatabaseValue]) throws -> [Rollout] {
        try database.rows("SELECT \(Archive.rolloutColumns) FROM rollout \(condition)", values).map { row in
            guard let steps = RolloutSteps(row.text(4)), let state = Rollout.State(rawValue: row.text(8)) else {
                throw ArchiveFault.damagedRow("rollout \(row.integer(0)) cannot be read")
            }
            return Rollout(
                id: row.integer(0), release: UInt64(bitPattern: row.integer(1)), control: row.optionalInteger(2).map { UInt64(bitPattern: $0) },
                tags: row.text(3).split(separator: " ").map(String.init), steps: steps, step: Int(row.integer(5)),
                changedAt: Instant(ms: row.integer(6)), through: row.integer(7), state: state, author: row.text(9), cause: row.text(10),
                run: row.optionalInteger(11), createdAt: Instant(ms: row.integer(12)), endedAt: row.optionalInteger(13).map(Instant.init(ms:)),
                detail: row.text(14))
        }
    }

    /// Rollouts, newest first.
    /// - Parameter id: only rollouts with a smaller id; `nil` from the newest.
    package func rollouts(before id: Int64? = nil, limit: Int) throws -> [Rollout] {
        try rollouts("WHERE id < ? ORDER BY id DESC LIMIT ?", [.integer(id ?? .max), .integer(Int64(limit))])
    }

    package func rollout(_ id: Int64) throws -> Rollout? { try rollouts("WHERE id = ?", [.integer(id)]).first }

    /// The rollout that has not ended. There is at most one: a second rollout would have a release with a higher counter, and devices with that release would
    /// refuse the release of the first rollout.
    package func unfinishedRollout() throws -> Rollout? { try rollouts("WHERE ended_at_ms IS NULL", []).first }

    package struct RolloutInProgress: Error, CustomStringConvertible {
        package let rollout: Int64
        package var description: String {
            "rollout \(rollout) is in progress: wait until it has ended, or end it with vaho-cloud rollout abort \(rollout)"
        }
    }

    package struct NewRollout: Sendable {
        package let release: UInt64
        package let control: UInt64?
        package let tags: [String]  // sorted
        package let steps: RolloutSteps
        package let cause: String
        package let run: Int64?
        package let isPaused: Bool

        package init(
            release: UInt64, control: UInt64?, tags: [String], steps: RolloutSteps, cause: String, run: Int64? = nil, isPaused: Bool = false
        ) {
            (self.release, self.control, self.tags, self.steps) = (release, control, tags, steps)
            (self.cause, self.run, self.isPaused) = (cause, run, isPaused)
        }
    }

    /// Adds a rollout, which has not reached any device yet. Call it in `changeAliases` or in a step's results.
    /// - Throws: `RolloutInProgress` if a rollout has not ended.
    package func insertRollout(_ new: NewRollout, by attribution: Attribution, now: Instant) throws -> Int64 {
        try checkNoRollout()
        let state: Rollout.State = new.isPaused ? .paused : .running
        let row = try database.row(
            """
            INSERT INTO rollout (release, control, tags, steps, step, changed_at_ms, through, state, author, cause, run, created_at_ms, detail)
            VALUES (?, ?, ?, ?, 0, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id
            """, Int64(bitPattern: new.release), new.control.map { Int64(bitPattern: $0) }, new.tags.joined(separator: " "), new.steps.text, now.ms,
            RolloutPlace.none, state.rawValue, attribution.author, new.cause, new.run, now.ms, attribution.reason)
        guard let row else { throw ArchiveFault.damagedRow("the new rollout cannot be read") }
        try addRolloutEvent(new.isPaused ? "created, paused" : "started", of: row.integer(0), by: attribution, now: now)
        return row.integer(0)
    }

    /// - Throws: `RolloutInProgress` if a rollout has not ended.
    package func checkNoRollout() throws { if let unfinished = try unfinishedRollout() { throw RolloutInProgress(rollout: unfinished.id) } }

    /// The changes that the next state of a rollout brings.
    package struct RolloutChange: Sendable {
        package var state: Rollout.State
        package var step: Int
        package var through: Int64
        package let event: String

        package init(_ rollout: Rollout, event: String) {
            (state, step, through, self.event) = (rollout.state, rollout.step, rollout.through, event)
        }
    }

    /// Another program, or a person, has changed the rollout since it was read.
    package struct RolloutMoved: Error, CustomStringConvertible {
        let rollout: Int64
        package var description: String {
            "rollout \(rollout) has changed since it was read: check it with vaho-cloud rollout show \(rollout), then repeat the command"
        }
    }

    /// Moves a rollout to its next state, unless it has changed since it was read. Call it in a transaction.
    package func change(_ rollout: Rollout, _ change: RolloutChange, by attribution: Attribution, now: Instant) throws {
        let isEnd = [.completed, .aborted, .rolled_back].contains(change.state)
        let changed = try database.run(
            """
            UPDATE rollout SET state = ?, step = ?, through = ?, detail = ?, changed_at_ms = ?, ended_at_ms = ?
            WHERE id = ? AND state = ? AND step = ? AND through = ? AND ended_at_ms IS NULL
            """, change.state.rawValue, change.step, change.through, attribution.reason, now.ms, isEnd ? now.ms : nil as Int64?,
            rollout.id, rollout.state.rawValue, rollout.step, rollout.through)
        guard changed == 1 else { throw RolloutMoved(rollout: rollout.id) }
        try addRolloutEvent(change.event, of: rollout.id, by: attribution, now: now)
    }

    package func setRolloutDetail(_ detail: String, of rollout: Rollout) throws {
        guard detail != rollout.detail else { return }
        try database.run("UPDATE rollout SET detail = ? WHERE id = ? AND ended_at_ms IS NULL", detail, rollout.id)
    }

    private func addRolloutEvent(_ event: String, of rollout: Int64, by attribution: Attribution, now: Instant) throws {
        try database.run(
            """
            INSERT INTO rollout_event (rollout, number, at_ms, author, event, reason)
            SELECT ?1, COALESCE(MAX(number), 0) + 1, ?2, ?3, ?4, ?5 FROM rollout_event WHERE rollout = ?1
            """, rollout, now.ms, attribution.author, event, attribution.reason)
        try recordAudit("rollout \(event)", of: "rollout \(rollout)", by: attribution, now: now)
    }

    /// Oldest first.
    package func rolloutEvents(of rollout: Int64) throws -> [RolloutEvent] {
        try database.rows("SELECT at_ms, author, event, reason FROM rollout_event WHERE rollout = ? ORDER BY number", rollout).map {
            RolloutEvent(at: Instant(ms: $0.integer(0)), author: $0.text(1), event: $0.text(2), reason: $0.text(3))
        }
    }
}

internal import Measures

/// Writes the result of a derivation step in one short transaction.
extension Archive {
    /// Writes the result of a step. If another program has changed the progress of one of the step's devices since the step was read, the function
    /// writes nothing.
    /// - Returns: `false` if the step had no turns.
    package func apply(_ step: DerivationStep) throws -> Bool {
        guard !step.isEmpty else { return false }
        let turns = step.turns.sorted { $0.before.device < $1.before.device }
        let devices = turns.map(\.before.device)
        // The transaction does not wait for an fsync, because an ingest would wait, too. After a power cut, lost observations are derived again.
        let isApplied = try database.transaction(.lazy) {
            // New batches may have arrived since the step was read; all other fields must be unchanged.
            // The ingest locks the device first, and then other rows. This transaction uses the same order, so that no deadlock occurs.
            try database.lock(devices: devices)
            let states = try lockedDerivationStates(of: devices)
            guard zip(turns, states).allSatisfy({ turn, state in state?.hasSameProgress(as: turn.before) ?? false }) else { return false }
            try write(step.buffer, frozen: Dictionary(uniqueKeysWithValues: turns.map { ($0.before.device, $0.before.frozenUntil) }))
            var saved: [(state: DerivationState, derived: Int64)] = []
            for turn in turns { saved.append((try finish(turn), turn.derived)) }
            try save(saved)
            return true
        }
        try releaseClaims(of: isApplied ? step.unserved : (step.unserved + devices).sorted())
        return !turns.isEmpty
    }

    /// Writes the changes of a turn, except for its state.
    /// - Returns: the device's new state, which the caller saves.
    private func finish(_ turn: DerivationTurn) throws -> DerivationState {
        var state = turn.after
        switch state.phase {
        case .appending: break
        case .clearing:
            if try !deleteSomeObservations(state) {
                (state.through, state.phase) = (0, .appending)
                if state.frozenUntil.ms == 0 { state.amendedThrough = 0 }
                try resetPendingCount(state.device)
            }
        case .amending where turn.isPassComplete:
            (state.amendedThrough, state.scanned) = (state.target, 0)
            if let due = state.rederiveDueAt {
                (state.phase, state.rederivedAt, state.rederiveDueAt) = (.clearing, max(state.rederivedAt, due), nil)
            } else {
                state.phase = try hasInexactBins(state.device) ? .repairing : .appending
            }
        case .repairing:
            try save(turn.repaired, isFinal: turn.isPassComplete)
            if turn.isPassComplete {
                state.scanned = 0
                state.phase = try hasInexactBins(state.device) ? .repairing : .appending
            }
        case .amending: break
        }
        if let withheld = turn.withheldFrom { try recordWithheld(withheld, state.device) }
        if let ahead = turn.newestAheadAt {
            try database.run("UPDATE device_log SET newest_ahead_at_ms = ?1 WHERE device = ?2 AND newest_ahead_at_ms < ?1", ahead.ms, state.device)
        }
        return state
    }

    /// Deletes at most `binsPerStep` observations of a device. Frozen observations are not deleted.
    /// - Returns: whether observations were deleted. `false`: the device has only frozen observations, or none.
    private func deleteSomeObservations(_ state: DerivationState) throws -> Bool {
        let deleted = try database.rows(
            """
            DELETE FROM observation_bin WHERE (device, sensor, valid_at_ms) IN (
                SELECT b.device, b.sensor, b.valid_at_ms FROM sensor s
                JOIN observation_bin b ON b.device = s.device AND b.sensor = s.id AND b.valid_at_ms > ?2
                WHERE s.device = ?1 LIMIT \(Archive.binsPerStep))
            RETURNING sensor, valid_at_ms
            """, state.device, state.frozenUntil.ms)
        guard deleted.isEmpty else {
            var counts: [Int64: Int64] = [:]
            for row in deleted { counts[row.integer(0), default: 0] += 1 }
            try markWeeksChanged(
                deleted.map { BinKey(device: state.device, sensor: $0.integer(0), validAt: Instant(ms: $0.integer(1))) })
            try database.changeEach(
                "UPDATE sensor SET observations = observations - ? WHERE device = ? AND id = ?",
                counts.sorted { $0.key < $1.key }.map { [.integer($0.value), .integer(state.device), .integer($0.key)] })
            return true
        }
        try database.run("DELETE FROM inexact_bin WHERE device = ?", state.device)
        try database.run(
            """
            UPDATE sensor SET last_at_ms = (
                SELECT MAX(valid_at_ms) FROM observation_bin b WHERE b.device = sensor.device AND b.sensor = sensor.id)
            WHERE device = ?
            """, state.device)
        try database.run("UPDATE device SET judge_due = 1 WHERE id = ?", state.device)
        return false
    }

    private func resetPendingCount(_ device: Int64) throws {
        try database.run("UPDATE device_log SET pending = (SELECT COUNT(*) FROM batch b WHERE b.device = device_log.device) WHERE device = ?", device)
    }
}

extension DerivationState {
    /// Whether the states are equal, apart from new batches and new amendments in the log.
    fileprivate func hasSameProgress(as other: DerivationState) -> Bool {
        var other = other
        (other.lastBatch, other.lastAmendment) = (lastBatch, lastAmendment)
        return self == other
    }
}

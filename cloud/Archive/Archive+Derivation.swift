internal import Bytes
internal import Measures
internal import Observing
internal import Runtime
internal import Wire

/// Derives observations from the log, one device at a time. Late data, clock corrections, calibrations and renames are applied.
///
/// A read-only connection unpacks and sums a bounded part of the log; one short write transaction then saves the sums together with
/// the new state of the derivation. Deriving the log again gives the same observations. Frozen observations also contain readings of deleted batches, and are kept.
extension Archive {
    /// The changes of one step to the observations of some devices.
    package struct DerivationStep: Sendable {
        var turns: [DerivationTurn] = []
        var buffer = BinBuffer()
        var unserved: [Int64] = []  // claimed devices that are not in the step
        var unreadable: [Int64] = []  // batches of the log that cannot be read
        var isEmpty: Bool { turns.isEmpty && unserved.isEmpty }
        var deviceCount: Int { turns.count }
        /// The last device in the step; 0 if the step is empty.
        var lastDevice: Int64 { turns.last?.before.device ?? 0 }
        var isFull: Bool { buffer.count >= Archive.binsPerStep }
    }

    /// A device's share of a step.
    struct DerivationTurn: Sendable {
        let before: DerivationState
        var after: DerivationState
        var derived: Int64 = 0  // batches that are no longer pending
        var isPassComplete = false  // the amending or repairing pass has visited every batch
        var repaired: [BinKey: Bin] = [:]
        var newestAheadAt: Instant?  // the latest time of an observed reading that was taken more than a day after the arrival of its batch
        var withheldFrom: Instant?  // time of the earliest reading that was withheld while the server's clock was wrong

        mutating func noteAhead(_ reading: Reading, _ receivedAt: Instant) {
            guard reading.takenAt > receivedAt + BatchArrival.futureTolerance else { return }
            newestAheadAt = max(newestAheadAt ?? reading.takenAt, reading.takenAt)
        }
    }

    /// The most devices in a step. Every device gets a turn before a device gets a second turn.
    static let devicesPerStep = 64
    private static let batchesPerTurn = 500
    private static let batchesPerRead = 16
    static let binsPerStep = 2_500  // limits the duration of the write transaction

    /// Reads a part of the pending batches.
    /// - Parameters:
    ///   - device: the device served last; devices after it come first now.
    ///   - limit: the most readings to visit, shared by the devices; each device visits at least one batch.
    ///   - paused: devices to leave out.
    ///   - only: the only device to serve; `nil` for all devices.
    ///   - claimed: the devices that this program has claimed; `nil` if only this program derives.
    package func nextDerivationStep(
        after device: Int64 = 0, limit: Int = 200_000, except paused: Set<Int64> = [], only: Int64? = nil, claimed: [Int64]? = nil
    ) throws -> DerivationStep {
        let pending = try pendingDevices(after: device, limit: Archive.devicesPerStep, except: paused, claimed: only.map { [$0] } ?? claimed)
        var step = DerivationStep()
        var remaining = limit
        for (index, state) in pending.enumerated() {
            guard index == 0 || (remaining > 0 && !step.isFull) else { break }
            let share = max(1, remaining / (pending.count - index))
            remaining -= try deriveNextPart(state, limit: share, &step)
        }
        step.buffer.close()
        step.unserved = Set(claimed ?? []).subtracting(step.turns.map(\.before.device)).sorted()
        return step
    }

    /// - Returns: readings visited.
    private func deriveNextPart(_ state: DerivationState, limit: Int, _ step: inout DerivationStep) throws -> Int {
        var turn = DerivationTurn(before: state, after: state)
        turn.after.selectPhase()
        var visited = 0
        switch turn.after.phase {
        case .clearing: break  // `finish` deletes the observations
        case .appending: visited = try appendBatches(&turn, limit: limit, &step)
        case .amending: visited = try amend(&turn, limit: limit, &step)
        case .repairing: visited = try repair(&turn, limit: limit)
        }
        step.turns.append(turn)
        return visited
    }

    /// Batches that a turn has visited.
    private struct Visited {
        var readings = 0
        var unreadable: [Int64] = []
        var isFinished = false  // all batches in the range have been visited
    }

    /// Visits the batches of a device in the order of the log, at least one, until the limit is reached or the step is full.
    /// - Parameters:
    ///   - wanted: boots. The function reads only the bodies of batches that may have readings of these boots; with `nil`, no bodies.
    ///   - body: is called for every batch. `frame` is `nil` if the batch was not read or cannot be read.
    private func forEachBatch(
        _ device: Int64, after first: Int64, through last: Int64, of wanted: ClosedRange<Int64>? = Int64.min...Int64.max, limit: Int,
        isFull: () -> Bool, _ body: (_ id: Int64, _ receivedAt: Instant, _ frame: BatchFrame?) throws -> Void
    ) throws -> Visited {
        let rows = try database.rows(
            "SELECT id, received_at_ms, boot_first, boot_last, readings FROM batch WHERE device = ? AND id > ? AND id <= ? ORDER BY id LIMIT ?",
            device, first, last, Archive.batchesPerTurn)
        func isWanted(_ row: Row) -> Bool { wanted?.overlaps(row.integer(2)...max(row.integer(2), row.integer(3))) == true }
        var visited = Visited()
        var bodies: [Int64: [UInt8]] = [:]  // bodies that are already read; the key is the id of the batch
        for (index, row) in rows.enumerated() {
            guard index == 0 || (visited.readings < limit && !isFull()) else { return visited }
            let (id, receivedAt) = (row.integer(0), Instant(ms: row.integer(1)))
            guard isWanted(row) else {
                visited.readings += 1
                try body(id, receivedAt, nil)
                continue
            }
            if bodies[id] == nil {
                bodies = try readBodies(device, rows[index...].prefix(Archive.batchesPerRead).filter(isWanted), limit: limit - visited.readings)
            }
            // A damaged batch must not stop the derivation of the other batches.
            let frame = bodies.removeValue(forKey: id).flatMap { try? BatchFrame($0) }
            if let frame, (try? frame.forEachReading { _, _ in }) != nil {
                visited.readings += max(1, frame.readingCount)
                try body(id, receivedAt, frame)
            } else {
                visited.readings += 1
                visited.unreadable.append(id)
                try body(id, receivedAt, nil)
            }
        }
        visited.isFinished = rows.count < Archive.batchesPerTurn
        return visited
    }

    /// Reads the bodies of the first rows in one round trip: at least one body, and further bodies until they have `limit` readings together.
    /// - Returns: the bodies; the key is the id of the batch.
    private func readBodies(_ device: Int64, _ rows: [Row], limit: Int) throws -> [Int64: [UInt8]] {
        var next: [Row] = []
        var readings = 0
        for row in rows where readings < limit || next.isEmpty {
            next.append(row)
            readings += Int(row.integer(4))
        }
        let found = try database.rowsEach(
            "SELECT body FROM batch WHERE device = ? AND id = ? AND received_at_ms = ?",
            next.map { [.integer(device), .integer($0.integer(0)), .integer($0.integer(1))] })
        return Dictionary(uniqueKeysWithValues: zip(next, found).map { ($0.integer(0), $1.first?.bytes(0) ?? []) })
    }

    /// Adds the next batches to the observations.
    private func appendBatches(_ turn: inout DerivationTurn, limit: Int, _ step: inout DerivationStep) throws -> Int {
        let state = turn.after
        let amendments = try amendments(of: state.device, through: state.amendedThrough)
        let visited = try forEachBatch(state.device, after: state.through, through: .max, limit: limit, isFull: { step.isFull }) {
            id, receivedAt, frame in
            turn.after.through = id
            turn.derived += 1
            guard let frame else { return }
            let series = try series(frame, state.device, amendments.renames, &step.buffer)
            try frame.forEachReading { sensor, logged in
                let (name, reading) = amendments.amended(logged, of: series.paths[sensor])
                switch Archive.checkTime(reading, receivedAt: receivedAt, state.rederivedAt) {
                case .observable:
                    let index = series.index(sensor, name)
                    let isFrozen = state.isInFrozenBin(
                        batch: id, receivedAt: receivedAt, takenAt: reading.takenAt,
                        binEnd: step.buffer.sensors[index].grid.binEnd(of: reading.takenAt))
                    if isFrozen { return }
                    turn.noteAhead(reading, receivedAt)
                    step.buffer.add(reading, to: index)
                case .future where receivedAt < ClockDiscipline.earliest:
                    turn.withheldFrom = min(turn.withheldFrom ?? reading.takenAt, reading.takenAt)
                case .future, .implausible: break
                }
            }
        }
        step.unreadable += visited.unreadable
        // No batch was found: the batches counted as pending are no longer in the log.
        if turn.derived == 0, visited.isFinished { (turn.after.through, turn.derived) = (state.lastBatch, .max) }
        return visited.readings
    }

    /// Derives readings again that are already derived: subtracts each reading with the old amendments applied, and adds the reading with the current
    /// amendments applied.
    private func amend(_ turn: inout DerivationTurn, limit: Int, _ step: inout DerivationStep) throws -> Int {
        let state = turn.after
        let old = try amendments(of: state.device, through: state.amendedThrough)
        let new = try amendments(of: state.device, through: state.target)
        // A calibration or a rename can affect readings of every boot; a clock correction affects one boot.
        let affectsOnlyCorrectedBoots = try !hasAmendment(state.device, after: state.amendedThrough, through: state.target)
        let boots = affectsOnlyCorrectedBoots ? new.boots.map { Int64($0.lowerBound)...Int64($0.upperBound) } : Int64.min...Int64.max
        let visited = try forEachBatch(
            state.device, after: state.scanned, through: state.through, of: boots, limit: limit, isFull: { step.isFull }
        ) { id, receivedAt, frame in
            turn.after.scanned = id
            guard let frame else { return }
            let before = try series(frame, state.device, old.renames, &step.buffer)
            let after = try series(frame, state.device, new.renames, &step.buffer)
            try frame.forEachReading { sensor, logged in
                let (oldReading, newReading) = (old.amended(logged, of: before.paths[sensor]), new.amended(logged, of: after.paths[sensor]))
                let (from, to) = (before.index(sensor, oldReading.series), after.index(sensor, newReading.series))
                guard from != to || oldReading.reading != newReading.reading else { return }
                if Archive.checkTime(oldReading.reading, receivedAt: receivedAt, state.rederivedAt) == .observable {
                    step.buffer.remove(oldReading.reading, from: from)
                }
                if Archive.checkTime(newReading.reading, receivedAt: receivedAt, state.rederivedAt) == .observable {
                    turn.noteAhead(newReading.reading, receivedAt)
                    step.buffer.add(newReading.reading, to: to)
                }
            }
        }
        turn.isPassComplete = visited.isFinished
        return visited.readings
    }

    /// Computes the extremes and flags of inexact bins again from the log.
    private func repair(_ turn: inout DerivationTurn, limit: Int) throws -> Int {
        let state = turn.after
        let amendments = try amendments(of: state.device, through: state.amendedThrough)
        var bins = try inexactBins(of: state.device)
        let visited = try forEachBatch(state.device, after: state.scanned, through: state.through, limit: limit, isFull: { false }) {
            id, receivedAt, frame in
            turn.after.scanned = id
            guard let frame else { return }
            let paths = frame.sensors.map { RenameChain($0, amendments.renames) }
            let sensors = paths.map { $0.names.map { bins.sensors[$0] } }
            try frame.forEachReading { sensor, logged in
                let (series, reading) = amendments.amended(logged, of: paths[sensor])
                guard let known = sensors[sensor][series], Archive.checkTime(reading, receivedAt: receivedAt, state.rederivedAt) == .observable else {
                    return
                }
                bins.partial[BinKey(device: state.device, sensor: known.id, validAt: known.grid.binEnd(of: reading.takenAt))]?.add(reading)
            }
        }
        turn.isPassComplete = visited.isFinished
        turn.repaired = bins.partial
        return visited.readings
    }

    private func series(_ frame: BatchFrame, _ device: Int64, _ renames: [SensorRename], _ buffer: inout BinBuffer) throws -> BatchSeries {
        try BatchSeries(frame, device, renames, &buffer) { try grid(of: $0, device) }
    }

    /// Whether a part of the log contains calibrations or renames.
    private func hasAmendment(_ device: Int64, after first: Int64, through last: Int64) throws -> Bool {
        for table in ["calibration", "sensor_rename"] {
            let found = try database.row("SELECT 1 FROM \(table) WHERE device = ? AND batch > ? AND batch <= ? LIMIT 1", device, first, last)
            if found != nil { return true }
        }
        return false
    }

    private enum TimeCheck { case observable, future, implausible }

    private static func checkTime(_ reading: Reading, receivedAt: Instant, _ rederivedAt: Instant) -> TimeCheck {
        guard reading.takenAt >= Instant.earliestPlausible else { return .implausible }
        return reading.takenAt <= max(receivedAt, rederivedAt) + BatchArrival.futureTolerance ? .observable : .future
    }
}

package import Measures

/// The progress of deriving a device's observations from its log. A row of `device_log`. Each step of the derivation commits its progress together
/// with its observations, so that a stop at any moment loses nothing.
struct DerivationState: Sendable, Equatable {
    enum Phase: Int64, Sendable {
        /// Batches are added to the observations in the order of the log.
        case appending = 0
        /// All observations are deleted, to be derived again from the start of the log.
        case clearing = 1
        /// Batches that were derived with older amendments are derived again with the current amendments.
        case amending = 2
        /// Extremes and flags of bins from which readings were removed are computed again.
        case repairing = 3
    }

    /// An SQL condition for rows of `device_log` with something to derive.
    static let isPending = "(through < last_batch OR amended_through < last_amendment OR phase <> 0)"

    let device: Int64
    var lastBatch: Int64
    var lastAmendment: Int64  // the last batch with a clock correction, calibration or rename
    var through: Int64  // the last batch whose readings are in the observations
    var amendedThrough: Int64  // amendments up to this batch are applied to every derived batch
    var phase: Phase
    var target: Int64  // amending: becomes `amendedThrough` at the end
    var scanned: Int64  // amending and repairing: the last batch visited in this pass
    var rederivedAt: Instant  // readings up to a day after this time never count as future readings
    /// Bins up to this time are frozen: the log may no longer have all readings of these bins. A frozen bin changes only when readings that are still
    /// in the log are added, or amended.
    let frozenUntil: Instant
    /// Frozen bins contain the readings of batches up to this batch. Amendments up to `amendedThrough` are applied to these readings. So a rebuild
    /// must not add these readings again.
    let frozenThrough: Int64
    let previousRederivedAt: Instant  // the value that `rederivedAt` had before the last rebuild
    var rederiveDueAt: Instant?  // the time of a request for a rebuild, which begins when the amending pass has ended

    /// Whether a frozen bin already contains a reading, so that a rebuild must not add the reading again. If the reading was withheld as a future
    /// reading, no bin contains it.
    func isInFrozenBin(batch: Int64, receivedAt: Instant, takenAt: Instant, binEnd: @autoclosure () -> Instant) -> Bool {
        batch <= frozenThrough && takenAt <= max(receivedAt, previousRederivedAt) + BatchArrival.futureTolerance && binEnd() <= frozenUntil
    }

    /// Selects the phase of the next step: new amendments are applied before new batches, all amendments in one pass.
    mutating func selectPhase() {
        // If a device has frozen bins, a rebuild applies new amendments only after it has appended the batches up to `frozenThrough`. Until then,
        // the rebuild uses the old amendments, because these amendments are applied to the frozen bins.
        guard phase == .appending, amendedThrough < lastAmendment, through >= frozenThrough || frozenUntil.ms == 0 else { return }
        if through == 0 {
            amendedThrough = lastAmendment  // no batch is derived yet, so there is nothing to amend
        } else {
            (phase, target, scanned) = (.amending, lastAmendment, 0)
        }
    }
}

extension Archive {

    /// The ids of all devices with something to derive, ascending.
    package func pendingDevices() throws -> [Int64] {
        var devices: [Int64] = []
        for row in try database.rows("SELECT device FROM device_log WHERE \(DerivationState.isPending) ORDER BY device") {
            devices.append(row.integer(0))
        }
        return devices
    }

    /// Devices with something to derive, sorted by id; the devices after `device` come first.
    /// - Parameters:
    ///   - device: the last device that the previous step claimed.
    ///   - claimed: only these devices are considered; `nil` considers every device.
    func pendingDevices(after device: Int64, limit: Int, except paused: Set<Int64>, claimed: [Int64]?) throws -> [DerivationState] {
        var states: [DerivationState] = []
        if let claimed {
            let rows = try database.rowsEach(
                "SELECT \(Archive.stateColumns) FROM device_log WHERE device = ? AND \(DerivationState.isPending)", claimed.map { [.integer($0)] })
            for row in rows.joined() { states.append(try Archive.state(row)) }
            // A step that becomes full leaves out the last devices of this list. Therefore the list begins after the device served last.
            return states.filter { $0.device > device } + states.filter { $0.device <= device }
        }
        for range in ["device > ?", "device <= ?"] where states.count < limit {
            try database.forEachRow(
                "SELECT \(Archive.stateColumns) FROM device_log WHERE \(DerivationState.isPending) AND \(range) ORDER BY device", [.integer(device)]
            ) { row in
                let state = try Archive.state(row)
                if !paused.contains(state.device) { states.append(state) }
                return states.count < limit
            }
        }
        return states
    }

    /// The states of these devices. No other transaction changes them until this transaction ends.
    /// - Parameter devices: sorted, so that two transactions never wait for each other.
    func lockedDerivationStates(of devices: [Int64]) throws -> [DerivationState?] {
        try database.rowsEach(
            "SELECT \(Archive.stateColumns) FROM device_log WHERE device = ?\(database.rowLock)", devices.map { [.integer($0)] }
        ).map { try $0.first.map(Archive.state) }
    }

    private static let stateColumns =
        "device, last_batch, last_amendment, through, amended_through, phase, target, scanned, rederived_at_ms, frozen_until_ms, frozen_through, "
        + "rederive_due_at_ms, previous_rederived_at_ms"

    private static func state(_ row: Row) throws -> DerivationState {
        guard let phase = DerivationState.Phase(rawValue: row.integer(5)) else {
            throw ArchiveFault.damagedRow("device_log: phase \(row.integer(5)) of device \(row.integer(0)) is not known, expected 0 to 3")
        }
        return DerivationState(
            device: row.integer(0), lastBatch: row.integer(1), lastAmendment: row.integer(2), through: row.integer(3),
            amendedThrough: row.integer(4), phase: phase, target: row.integer(6), scanned: row.integer(7), rederivedAt: Instant(ms: row.integer(8)),
            frozenUntil: Instant(ms: row.integer(9)), frozenThrough: row.integer(10), previousRederivedAt: Instant(ms: row.integer(12)),
            rederiveDueAt: row.integer(11) > 0 ? Instant(ms: row.integer(11)) : nil)
    }

    /// - Parameter states: each with the number of batches that are no longer pending.
    func save(_ states: [(state: DerivationState, derived: Int64)]) throws {
        try database.changeEach(
            """
            UPDATE device_log SET through = ?1, amended_through = ?2, phase = ?3, target = ?4, scanned = ?5, rederived_at_ms = ?6,
                rederive_due_at_ms = ?7, pending = CASE WHEN pending > ?8 THEN pending - ?8 ELSE 0 END, claimed_until_ms = 0 WHERE device = ?9
            """,
            states.map { state, derived in
                [
                    .integer(state.through), .integer(state.amendedThrough), .integer(state.phase.rawValue), .integer(state.target),
                    .integer(state.scanned), .integer(state.rederivedAt.ms), .integer(state.rederiveDueAt?.ms ?? 0), .integer(derived),
                    .integer(state.device),
                ]
            })
    }

    /// Marks a device, or all devices. The derivation then deletes the observations of the marked devices, and derives the observations again from
    /// the log. The derivation does not delete frozen observations and does not derive them again.
    ///
    /// - Parameter now: readings up to a day after this time are derived, even if the server's clock was behind when the readings arrived.
    package func requestRederivation(of device: Int64? = nil, now: Instant) throws {
        try database.transaction { try markForRederivation(device == nil ? "device > ?1" : "device = ?1", device ?? .min, now: now) }
    }

    /// Marks devices, like `requestRederivation`, whose readings were withheld as future readings because the server's clock was wrong. To be called
    /// when the clock is right.
    func rederiveWithheld(now: Instant) throws {
        let through = (now + BatchArrival.futureTolerance).ms
        guard try database.integer("SELECT 1 FROM device_log WHERE withheld_from_ms <= ? LIMIT 1", through) != nil else { return }
        try database.transaction { try markForRederivation("withheld_from_ms <= ?1", through, now: now) }
    }

    /// SQL condition: an amending pass must end before a rebuild begins. A rebuild does not change frozen bins, so an interrupted pass would leave
    /// frozen bins with some batches amended and some not.
    private static let mustEndAmending = "(phase = \(DerivationState.Phase.amending.rawValue) AND frozen_until_ms > 0)"

    /// - Parameter condition: an SQL condition that selects the devices; `?1` is the value.
    private func markForRederivation(_ condition: String, _ value: Int64, now: Instant) throws {
        let clearing = DerivationState.Phase.clearing.rawValue
        // A rebuild may be requested while another rebuild runs: then the frozen bins are those of the first request.
        try database.run(
            """
            UPDATE device_log SET frozen_through = through, previous_rederived_at_ms = rederived_at_ms
            WHERE through >= frozen_through AND phase <> \(clearing) AND \(condition)
            """, value)
        try database.run("UPDATE device_log SET rederive_due_at_ms = ?2 WHERE \(Archive.mustEndAmending) AND \(condition)", value, now.ms)
        try database.run(
            """
            UPDATE device_log SET phase = \(clearing), target = 0, scanned = 0, rederive_due_at_ms = 0,
                rederived_at_ms = CASE WHEN rederived_at_ms > ?2 THEN rederived_at_ms ELSE ?2 END
            WHERE NOT \(Archive.mustEndAmending) AND \(condition)
            """, value, now.ms)
        try database.run("UPDATE device_log SET withheld_from_ms = NULL WHERE \(condition)", value)
    }

    /// Deletes a bin with impossible values. If the bin is not frozen, requests that the device's observations are derived again.
    /// - Returns: `true` if the bin is frozen: then the bin is not derived again, because the log may no longer have all its readings.
    func repairDamagedBin(of device: Int64, sensor: Int64, validAt: Instant, now: Instant) throws -> Bool {
        try database.transaction {
            let isFrozen = try database.integer("SELECT frozen_until_ms FROM device_log WHERE device = ?", device) ?? 0 >= validAt.ms
            let deleted = try database.run(
                "DELETE FROM observation_bin WHERE device = ? AND sensor = ? AND valid_at_ms = ?", device, sensor, validAt.ms)
            try database.run("UPDATE sensor SET observations = observations - ? WHERE device = ? AND id = ?", Int64(deleted), device, sensor)
            try markWeeksChanged([BinKey(device: device, sensor: sensor, validAt: validAt)])
            if !isFrozen { try markForRederivation("device = ?1", device, now: now) }
            return isFrozen
        }
    }

    /// Stores the time of the earliest reading that was withheld as a future reading while the server's clock was impossible.
    func recordWithheld(_ instant: Instant, _ device: Int64) throws {
        try database.run(
            "UPDATE device_log SET withheld_from_ms = CASE WHEN withheld_from_ms < ?1 THEN withheld_from_ms ELSE ?1 END WHERE device = ?2",
            instant.ms, device)
    }

    /// Claims devices with something to derive, if several programs share the work.
    /// - Parameters:
    ///   - device: the last device that the previous step claimed.
    ///   - paused: devices that are not claimed.
    ///   - limit: the maximum number of devices to claim.
    /// - Returns: the claimed devices; `nil` if only this program derives.
    func claimPendingDevices(after device: Int64, except paused: Set<Int64>, limit: Int) throws -> [Int64]? {
        try database.claimPending(after: device, except: paused, limit: limit, for: Archive.derivationClaim.ms)
    }

    /// How long a claim lasts if its program ends: longer than a step takes.
    private static let derivationClaim: Duration = .seconds(10)

    /// Ends the claims of devices that a step has not served.
    func releaseClaims(of devices: [Int64]) throws {
        try database.changeEach("UPDATE device_log SET claimed_until_ms = 0 WHERE device = ?", devices.map { [.integer($0)] })
    }

    /// The number of batches that are not derived yet.
    package func underivedBatchCount() throws -> Int64 {
        try database.integer("SELECT CAST(COALESCE(SUM(pending), 0) AS BIGINT) FROM device_log WHERE \(DerivationState.isPending)") ?? 0
    }
}

package import Measures
internal import Observing
internal import Runtime
internal import Wire

/// Describes the batches of one device that retention deletes in one step.
struct ExpiredBatches {
    let device: Int64
    var lastBatch: Int64  // the highest id of the expired batches
    var lastSequences: [Int64: Int64] = [:]  // the highest sequence in each epoch; the key is the epoch
}

/// Deletes old batches from the log. Observations are never deleted.
///
/// Before batches are deleted, the observations that contain their readings are frozen: a rebuild does not change frozen observations. The sequences
/// of deleted batches stay held, so that a row that a device sends again is not stored twice.
extension Archive {
    /// Batches that arrived before this time may be deleted, and plain readings that were taken before this time are refused.
    package func retentionCutoff() throws -> Instant { Instant(ms: try database.integer("SELECT cutoff_ms FROM retention") ?? 0) }

    /// Sets the cutoff to the server's time minus `keep`. The cutoff never decreases.
    ///
    /// If the server's clock is ahead, this function must not delete the whole log. Therefore the function limits the time from which it subtracts
    /// `keep`: the time is never later than the newest reading, and increases by at most one day between two calls. If a clock is years ahead for
    /// some hours, batches are deleted only some days too early. If the server was off for 10 days, the time reaches the server's time after 10
    /// calls.
    /// - Returns: the cutoff.
    func advanceRetention(keep: Duration, now: Instant) throws -> Instant {
        try database.transaction {
            let newest = try database.integer("SELECT MAX(last_at_ms) FROM sensor") ?? 0
            let last = try database.row("SELECT now_ms, cutoff_ms FROM retention")
            let believed = last.map { min(now, Instant(ms: $0.integer(0)) + .seconds(86_400)) } ?? now
            let cutoff = max(last?.integer(1) ?? 0, (min(believed, Instant(ms: newest)) - keep).ms)
            try database.run(
                "INSERT INTO retention (id, cutoff_ms, now_ms) VALUES (1, ?1, ?2) ON CONFLICT (id) DO UPDATE SET cutoff_ms = ?1, now_ms = ?2", cutoff,
                max(believed.ms, last?.integer(0) ?? 0))
            return Instant(ms: cutoff)
        }
    }

    /// Creates the missing partitions of the log and of the observations for all times in `span`.
    package func preparePartitions(for span: ClosedRange<Instant>) throws { try database.preparePartitions(for: span) }

    /// The result of one step of a pass over all devices.
    struct RetentionStep: Sendable {
        var continueAfter: Int64  // the id of a device: the next step begins with the device after this device
        var deleted = 0  // the number of deleted rows
        var postponed = 0  // the number of devices whose batches cannot be deleted yet
    }

    // MARK: whole months

    /// Closes the months that ended before the cutoff, so that no batch can be added to them.
    /// - Returns: the months; `nil` if the log is one table: then `deleteExpiredBatches` deletes single batches.
    func closeExpiredMonths(before cutoff: Instant) throws -> [LogMonth]? { try database.monthlyLog?.closeMonths(before: cutoff) }

    /// Freezes the observations of the next devices that have batches in the month. Call this function until it returns `nil`. Then the month can
    /// be dropped, if no call has postponed a device.
    /// - Returns: `nil` if no device is left.
    func prepareToDrop(_ month: LogMonth, after device: Int64, before cutoff: Instant) throws -> RetentionStep? {
        var step = RetentionStep(continueAfter: device)
        for _ in 0..<Archive.devicesPerStep {
            guard let expired = try database.monthlyLog?.nextDevice(in: month, after: step.continueAfter) else { break }
            // Each device has its own transaction, so that the ingest of other devices does not wait.
            if try !database.transaction(.lazy, { try freeze(expired, before: cutoff) }) { step.postponed += 1 }
            step.continueAfter = expired.device
        }
        return step.continueAfter == device ? nil : step
    }

    /// Deletes the batches of a month. Call `prepareToDrop` for all devices first.
    func drop(_ month: LogMonth) throws { try database.monthlyLog?.drop(month) }

    // MARK: single batches

    private static let batchesPerDeletion = 200
    private static let bytesPerDeletion: Int64 = 2_000_000
    private static let batchesPerSearch = 5_000
    private static let devicesPerSearch = 200

    /// Searches the next `devicesPerSearch` devices for expired batches, and deletes expired batches of the first device that has some.
    /// - Returns: `nil` if no device is left.
    func deleteExpiredBatches(after device: Int64, before cutoff: Instant) throws -> RetentionStep? {
        var last = device
        for _ in 0..<Archive.devicesPerSearch {
            guard let next = try database.integer("SELECT MIN(device) FROM device_log WHERE device > ?", last) else { break }
            let ids = try expiredBatches(of: next, before: cutoff)
            if !ids.isEmpty {
                // After a deletion, the next step visits the same device again.
                let deleted = try deleteBatches(ids, of: next, before: cutoff)
                return deleted > 0 ? RetentionStep(continueAfter: next - 1, deleted: deleted) : RetentionStep(continueAfter: next, postponed: 1)
            }
            last = next
        }
        return last == device ? nil : RetentionStep(continueAfter: last)
    }

    /// Returns ids of expired batches. The queries read only the index `batch_by_device`, which has all their columns.
    private func expiredBatches(of device: Int64, before cutoff: Instant) throws -> [Int64] {
        // If the server's clock was wrong, batches with a lower id may have a later arrival time. The newest batch of a device is never deleted, so
        // that new batches get higher ids.
        let expired = try database.row(
            """
            SELECT MIN(id) FROM (SELECT id, received_at_ms FROM batch WHERE device = ? ORDER BY id LIMIT \(Archive.batchesPerSearch)) oldest
            WHERE received_at_ms >= ? AND received_at_ms < ?
            """, device, ClockDiscipline.earliest.ms, cutoff.ms)
        guard let first = expired?.optionalInteger(0) else { return [] }
        // An arrival time before 2026 is wrong: the server's clock was not set. A batch with a wrong arrival time is deleted only if a batch with a
        // higher id and a valid arrival time is expired.
        return try database.rows(
            """
            SELECT id FROM batch WHERE device = ?1 AND received_at_ms < ?2 AND (id <= ?3 OR received_at_ms >= ?4)
                AND id < (SELECT MAX(id) FROM batch WHERE device = ?1) ORDER BY id LIMIT \(Archive.batchesPerDeletion)
            """, device, cutoff.ms, first, ClockDiscipline.earliest.ms
        ).map { $0.integer(0) }
    }

    /// Deletes batches in the order of `ids`, and stops when the deleted bodies have `bytesPerDeletion` bytes.
    /// - Parameter ids: in ascending order.
    /// - Returns: the number of deleted batches; 0 if the batches cannot be deleted yet.
    private func deleteBatches(_ ids: [Int64], of device: Int64, before cutoff: Instant) throws -> Int {
        try database.transaction(.lazy) {
            var expired = ExpiredBatches(device: device, lastBatch: 0)
            var deleted: [[DatabaseValue]] = []
            var bytes: [LogMonth: Int64] = [:]
            for id in ids where bytes.values.reduce(0, +) < Archive.bytesPerDeletion {
                let row = try database.row("SELECT epoch, last, received_at_ms, LENGTH(body) FROM batch WHERE device = ? AND id = ?", device, id)
                guard let row else { continue }
                expired.lastBatch = id
                expired.lastSequences[row.integer(0)] = max(expired.lastSequences[row.integer(0)] ?? 0, row.integer(1))
                bytes[LogMonth(of: Instant(ms: row.integer(2))), default: 0] += row.integer(3)
                deleted.append([.integer(device), .integer(id)])
            }
            guard !deleted.isEmpty, try freeze(expired, before: cutoff) else { return 0 }
            try database.changeEach("DELETE FROM batch WHERE device = ? AND id = ?", deleted)
            try subtractFromLog(bytes)
            return deleted.count
        }
    }

    /// Subtracts the bytes of deleted batches from the totals of the log.
    func subtractFromLog(_ bytes: [LogMonth: Int64]) throws {
        try database.changeEach(
            "UPDATE log_month SET bytes = bytes - ? WHERE shard = ? AND month = ?",
            bytes.map { month, bytes in [.integer(bytes), .integer(database.counterShard), .integer(month.number)] })
    }

    // MARK: shared

    /// After this time, expired batches are deleted even if they are not derived, because one device must not stop the deletion for all devices.
    private static let longestPostponement: Duration = .seconds(31 * 86_400)

    /// Freezes all observations of the device that can contain readings of the expired batches. Conditions: these batches are derived, all amendments
    /// are applied, no reading up to `frozenUntil` is withheld, and no rebuild is running. After `longestPostponement`, the batches may be deleted
    /// without these conditions. Readings that are not in observations are then lost.
    /// - Returns: whether the batches may be deleted.
    private func freeze(_ expired: ExpiredBatches, before cutoff: Instant) throws -> Bool {
        let device = expired.device
        try database.lock(devices: [device])
        let row = try database.row("SELECT newest_ahead_at_ms, postponed_from_ms FROM device_log WHERE device = ?", device)
        let (ahead, postponedFrom) = (row?.integer(0) ?? 0, row?.integer(1) ?? 0)
        // Every full hour is the end of a bin. So the time is rounded up to a full hour, and no bin is partly frozen.
        let frozenUntil = TimeGrid.hourly.binEnd(of: max(cutoff + BatchArrival.futureTolerance, Instant(ms: ahead)))
        let repairing = DerivationState.Phase.repairing.rawValue
        let frozen = try database.run(
            """
            UPDATE device_log SET frozen_until_ms = CASE WHEN frozen_until_ms > ?1 THEN frozen_until_ms ELSE ?1 END,
                scanned = CASE WHEN phase = \(repairing) THEN 0 ELSE scanned END, postponed_from_ms = 0
            WHERE device = ?2 AND phase IN (\(DerivationState.Phase.appending.rawValue), \(repairing)) AND amended_through >= last_amendment
                AND through >= ?3 AND through >= frozen_through AND (withheld_from_ms > ?1 OR withheld_from_ms IS NULL)
            """, frozenUntil.ms, device, expired.lastBatch)
        let now = try database.integer("SELECT now_ms FROM retention") ?? 0
        if frozen == 0, postponedFrom == 0 { try database.run("UPDATE device_log SET postponed_from_ms = ? WHERE device = ?", now, device) }
        guard frozen > 0 || (postponedFrom > 0 && postponedFrom + Archive.longestPostponement.ms < now) else { return false }
        // The log will not have all readings of a frozen bin, so the minimum and the maximum of the bin cannot be computed again.
        try database.run("DELETE FROM inexact_bin WHERE device = ? AND valid_at_ms <= ?", device, frozenUntil.ms)
        for (epoch, last) in expired.lastSequences {
            try database.run(
                "UPDATE epoch SET expired_through = ?1 WHERE device = ?2 AND epoch = ?3 AND expired_through < ?1", last, device, epoch)
            try database.run(
                """
                DELETE FROM refused WHERE (device, epoch, sequence) IN (
                    SELECT device, epoch, sequence FROM refused WHERE device = ? AND epoch = ? AND sequence <= ? LIMIT 1000)
                """, device, epoch, last)
        }
        ledgers[device] = nil  // the ledger in memory is outdated
        return true
    }

    /// Deletes up to 5,000 keys of plain readings that were taken before the cutoff.
    /// - Returns: `nil` if no device is left.
    func deleteExpiredPlainReadings(after device: Int64, before cutoff: Instant) throws -> RetentionStep? {
        guard let next = try database.integer("SELECT MIN(device) FROM plain_reading WHERE device > ?", device) else { return nil }
        return try database.transaction(.lazy) {
            try database.lock(devices: [next])  // waits until every ingest that has read an older cutoff has ended
            let sensors = try database.rows("SELECT name FROM sensor_name WHERE device = ?", next).map { $0.text(0) }
            for sensor in sensors {
                let deleted = try database.run(
                    """
                    DELETE FROM plain_reading WHERE (device, sensor, taken_at_ms) IN (
                        SELECT device, sensor, taken_at_ms FROM plain_reading WHERE device = ? AND sensor = ? AND taken_at_ms < ? LIMIT 5000)
                    """, next, sensor, cutoff.ms)
                if deleted > 0 { return RetentionStep(continueAfter: next - 1, deleted: deleted) }
            }
            return RetentionStep(continueAfter: next)
        }
    }

    /// Makes the archive's file smaller by a limited number of free pages.
    /// - Returns: `true` if a further call may release more pages.
    func releaseFreeSpace() throws -> Bool { try database.releaseFreeSpace() }
}

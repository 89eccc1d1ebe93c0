package import Measures
internal import Observing
internal import Runtime
internal import Wire

/// The last of a device's batches that retention is about to delete.
struct ExpiredBatches {
    let device: Int64
    let lastBatch: Int64  // id
    var lastSequences: [Int64: Int64] = [:]  // by epoch, the highest sequence
}

/// Deletes old batches from the log. Observations are never deleted.
///
/// Before batches are deleted, the observations that contain their readings are frozen: a rebuild leaves frozen observations as they are. The sequences
/// of deleted batches stay held, so that a row that a device sends again is not stored twice.
extension Archive {
    /// Batches that arrived before this time may be deleted, and plain readings that were taken before this time are refused.
    package func retentionCutoff() throws -> Instant { Instant(ms: try database.integer("SELECT cutoff_ms FROM retention") ?? 0) }

    /// Sets the cutoff to `keep` before the server's time. The cutoff never decreases.
    ///
    /// A clock that is ahead must not delete the whole log. Therefore the time that counts as now is never later than the newest reading, nor than a day
    /// after the time of the last call: a clock that is years ahead for some hours deletes some days early. A server that was off for long catches
    /// up with one day for each call.
    /// - Returns: the cutoff.
    package func advanceRetention(keep: Duration, now: Instant) throws -> Instant {
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

    /// What one step of a pass over all devices has done.
    package struct RetentionStep: Sendable {
        package let continueAfter: Int64  // the next step begins with the device after this one
        package var deleted = 0  // rows
        package var postponed = 0  // devices whose batches cannot be deleted yet
    }

    // MARK: whole months

    /// Closes the months that ended before the cutoff, so that no batch can be added to them.
    /// - Returns: the months; `nil` if the database has the whole log in one table, so that single batches are deleted.
    func closeExpiredMonths(before cutoff: Instant) throws -> [LogMonth]? { try database.closeExpiredMonths(before: cutoff) }

    /// Freezes the observations of some devices with batches in the month. Afterwards, if no device is postponed, the month can be dropped.
    /// - Returns: `nil` if no device is left.
    func prepareToDrop(_ month: LogMonth, after device: Int64, before cutoff: Instant) throws -> RetentionStep? {
        var step: RetentionStep?
        for _ in 0..<Archive.devicesPerStep {
            guard let expired = try database.nextDevice(in: month, after: step?.continueAfter ?? device) else { break }
            // A transaction for each device: the ingest of the others does not wait.
            let isFrozen = try database.transaction(.lazy) { try freeze(expired, before: cutoff) }
            step = RetentionStep(continueAfter: expired.device, postponed: (step?.postponed ?? 0) + (isFrozen ? 0 : 1))
        }
        return step
    }

    /// Deletes the batches of a month. Call `prepareToDrop` for all devices first.
    func drop(_ month: LogMonth) throws { try database.drop(month) }

    // MARK: single batches

    private static let batchesPerDeletion = 200
    private static let bytesPerDeletion: Int64 = 2_000_000
    private static let batchesPerSearch = 5_000
    private static let devicesPerSearch = 200

    /// Deletes expired batches of the next device that has any.
    /// - Returns: `nil` if no device is left.
    func deleteExpiredBatches(after device: Int64, before cutoff: Instant) throws -> RetentionStep? {
        var step: RetentionStep?
        for _ in 0..<Archive.devicesPerSearch {
            let next = try database.integer("SELECT MIN(device) FROM device_log WHERE device > ?", step?.continueAfter ?? device)
            guard let next else { return step }
            let ids = try expiredBatches(of: next, before: cutoff)
            if !ids.isEmpty {
                // After a deletion, the next step visits the same device again.
                let deleted = try deleteBatches(ids, of: next, before: cutoff)
                return deleted > 0 ? RetentionStep(continueAfter: next - 1, deleted: deleted) : RetentionStep(continueAfter: next, postponed: 1)
            }
            step = RetentionStep(continueAfter: next)
        }
        return step
    }

    /// The ids of the expired batches among the device's oldest batches. The index `batch_by_device` has all columns of the query.
    private func expiredBatches(of device: Int64, before cutoff: Instant) throws -> [Int64] {
        // Batches that arrived with a wrong clock may come before the expired batches. The device's newest batch stays: new batches get higher ids.
        let expired = try database.row(
            """
            SELECT MIN(id) FROM (SELECT id, received_at_ms FROM batch WHERE device = ? ORDER BY id LIMIT \(Archive.batchesPerSearch)) oldest
            WHERE received_at_ms >= ? AND received_at_ms < ?
            """, device, ClockDiscipline.earliest.ms, cutoff.ms)
        guard let first = expired?.optionalInteger(0) else { return [] }
        // A batch with an arrival before 2026 arrived while the server's clock was not set. It is deleted together with the next batch.
        return try database.rows(
            """
            SELECT id FROM batch WHERE device = ?1 AND received_at_ms < ?2 AND (id <= ?3 OR received_at_ms >= ?4)
                AND id < (SELECT MAX(id) FROM batch WHERE device = ?1) ORDER BY id LIMIT \(Archive.batchesPerDeletion)
            """, device, cutoff.ms, first, ClockDiscipline.earliest.ms
        ).map { $0.integer(0) }
    }

    /// Deletes the first of these batches, until their bodies have `bytesPerDeletion`.
    /// - Parameter ids: sorted.
    /// - Returns: how many are deleted; 0 if the batches cannot be deleted yet.
    private func deleteBatches(_ ids: [Int64], of device: Int64, before cutoff: Instant) throws -> Int {
        try database.transaction(.lazy) {
            var rows: [Row] = []
            var bytes: Int64 = 0
            for id in ids where bytes < Archive.bytesPerDeletion {
                rows += try database.rows(
                    "SELECT id, epoch, last, received_at_ms, LENGTH(body) FROM batch WHERE device = ? AND id = ?", device, id)
                bytes += rows.last?.integer(4) ?? 0
            }
            guard let last = rows.last else { return 0 }
            var expired = ExpiredBatches(device: device, lastBatch: last.integer(0))
            for row in rows { expired.lastSequences[row.integer(1)] = max(expired.lastSequences[row.integer(1)] ?? 0, row.integer(2)) }
            guard try freeze(expired, before: cutoff) else { return 0 }
            try database.changeEach("DELETE FROM batch WHERE device = ? AND id = ?", rows.map { [.integer(device), .integer($0.integer(0))] })
            try database.changeEach(
                "UPDATE log_month SET bytes = bytes - ? WHERE shard = 0 AND month = ?",
                rows.map { [.integer($0.integer(4)), .integer(LogMonth(of: Instant(ms: $0.integer(3))).number)] })
            return rows.count
        }
    }

    // MARK: shared

    /// After this time, expired batches are deleted even if they cannot be derived: one device must not stop the deletion for all.
    private static let longestPostponement: Duration = .seconds(31 * 86_400)

    /// Freezes the device's observations up to the cutoff, if all expired batches are derived and amended, none of their readings is withheld, and no
    /// rebuild is running. After `longestPostponement` the batches may be deleted in any state: their readings are then lost, and the rest goes on.
    /// - Returns: whether the batches may be deleted.
    private func freeze(_ expired: ExpiredBatches, before cutoff: Instant) throws -> Bool {
        let device = expired.device
        try database.lock(devices: [device])
        let row = try database.row("SELECT newest_ahead_at_ms, postponed_from_ms FROM device_log WHERE device = ?", device)
        let (ahead, postponedFrom) = (row?.integer(0) ?? 0, row?.integer(1) ?? 0)
        // Bins end at full hours, or at parts of an hour.
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
        // The extremes of frozen bins cannot be computed again from the log.
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
            try database.lock(devices: [next])  // an ingest that has read an older cutoff ends first
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

    /// Returns a bounded number of free pages of the archive's file to the disk.
    /// - Returns: whether more pages can be returned.
    func releaseFreeSpace() throws -> Bool { try database.releaseFreeSpace() }
}

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

    /// Sets the cutoff to `keep` before the server's time, or before the newest reading if that is earlier: a clock that is ahead deletes nothing early.
    /// The cutoff never decreases.
    /// - Returns: the cutoff.
    package func advanceRetention(keep: Duration, now: Instant) throws -> Instant {
        let newest = try database.integer("SELECT MAX(last_at_ms) FROM sensor") ?? 0
        let cutoff = min(now, Instant(ms: newest)) - keep
        if cutoff.ms > 0 {
            try database.run(
                """
                INSERT INTO retention (id, cutoff_ms) VALUES (1, ?1)
                ON CONFLICT (id) DO UPDATE SET cutoff_ms = ?1 WHERE retention.cutoff_ms < ?1
                """, cutoff.ms)
        }
        return try retentionCutoff()
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
        try database.transaction(.lazy) {
            var step: RetentionStep?
            for _ in 0..<Archive.devicesPerStep {
                guard let expired = try database.nextDevice(in: month, after: step?.continueAfter ?? device) else { break }
                let isFrozen = try freeze(expired, before: cutoff)
                step = RetentionStep(continueAfter: expired.device, postponed: (step?.postponed ?? 0) + (isFrozen ? 0 : 1))
            }
            return step
        }
    }

    /// Deletes the batches of a month. Call `prepareToDrop` for all devices first.
    func drop(_ month: LogMonth) throws { try database.drop(month) }

    // MARK: single batches

    private static let batchesPerDeletion = 200
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
                return try deleteBatches(ids, of: next, before: cutoff)
                    ? RetentionStep(continueAfter: next - 1, deleted: ids.count) : RetentionStep(continueAfter: next, postponed: 1)
            }
            step = RetentionStep(continueAfter: next)
        }
        return step
    }

    /// The ids of the expired batches among the device's oldest batches. The index `batch_by_device` has all columns of the query.
    private func expiredBatches(of device: Int64, before cutoff: Instant) throws -> [Int64] {
        let rows = try database.rows(
            "SELECT id, received_at_ms FROM batch WHERE device = ? ORDER BY id LIMIT \(Archive.batchesPerDeletion)", device)
        let last = rows.lastIndex { $0.integer(1) < cutoff.ms && $0.integer(1) >= ClockDiscipline.earliest.ms }
        guard let last else { return [] }
        // A batch with an arrival before 2026 arrived while the server's clock was not set. It is deleted together with the next batch.
        return rows[...last].filter { $0.integer(1) < cutoff.ms }.map { $0.integer(0) }
    }

    /// - Parameter ids: sorted.
    /// - Returns: `false` if the batches cannot be deleted yet.
    private func deleteBatches(_ ids: [Int64], of device: Int64, before cutoff: Instant) throws -> Bool {
        let keys = ids.map { [DatabaseValue.integer(device), .integer($0)] }
        return try database.transaction(.lazy) {
            let rows = try database.rowsEach("SELECT epoch, last, received_at_ms, LENGTH(body) FROM batch WHERE device = ? AND id = ?", keys)
                .compactMap(\.first)
            var expired = ExpiredBatches(device: device, lastBatch: ids.last ?? 0)
            for row in rows { expired.lastSequences[row.integer(0)] = max(expired.lastSequences[row.integer(0)] ?? 0, row.integer(1)) }
            guard try freeze(expired, before: cutoff) else { return false }
            try database.changeEach("DELETE FROM batch WHERE device = ? AND id = ?", keys)
            try database.changeEach(
                "UPDATE log_total SET bytes = bytes - ? WHERE shard = 0 AND month = ?",
                rows.map { [.integer($0.integer(3)), .integer(LogMonth(of: Instant(ms: $0.integer(2))).number)] })
            return true
        }
    }

    // MARK: shared

    /// The longest time from the arrival of a batch to the end of a bin with one of its readings.
    private static let longestAfterArrival = BatchArrival.futureTolerance + .seconds(3_600)

    /// Freezes the device's observations up to the cutoff, if all expired batches are derived and no rebuild is running.
    /// - Returns: whether the batches may be deleted.
    private func freeze(_ expired: ExpiredBatches, before cutoff: Instant) throws -> Bool {
        let device = expired.device
        try database.lock(devices: [device])
        let frozenUntil = cutoff + Archive.longestAfterArrival
        let frozen = try database.run(
            """
            UPDATE device_log SET frozen_until_ms = CASE WHEN frozen_until_ms > ?1 THEN frozen_until_ms ELSE ?1 END, frozen_through = through
            WHERE device = ?2 AND phase <> \(DerivationState.Phase.clearing.rawValue) AND through >= ?3 AND through >= frozen_through
            """, frozenUntil.ms, device, expired.lastBatch)
        guard frozen > 0 else { return false }
        // The extremes of frozen bins cannot be computed again from the log.
        try database.run("DELETE FROM inexact_bin WHERE device = ? AND valid_at_ms <= ?", device, frozenUntil.ms)
        for (epoch, last) in expired.lastSequences {
            try database.run(
                "UPDATE epoch SET expired_through = ?1 WHERE device = ?2 AND epoch = ?3 AND expired_through < ?1", last, device, epoch)
            try database.run("DELETE FROM refused WHERE device = ? AND epoch = ? AND sequence <= ?", device, epoch, last)
        }
        ledgers[device] = nil  // the ledger in memory is outdated
        return true
    }

    /// Deletes up to 5,000 keys of plain readings that were taken before the cutoff.
    /// - Returns: `nil` if no device is left.
    func deleteExpiredPlainReadings(after device: Int64, before cutoff: Instant) throws -> RetentionStep? {
        guard let next = try database.integer("SELECT MIN(device) FROM plain_reading WHERE device > ?", device) else { return nil }
        return try database.transaction(.lazy) {
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

    /// Deletes a bin with impossible values if the bin is frozen; otherwise marks the device, so that its observations are derived again.
    /// - Returns: whether the bin is deleted.
    package func repairDamagedBin(of device: Int64, sensor: Int64, validAt: Instant, now: Instant) throws -> Bool {
        let isDeleted = try database.transaction {
            let deleted = try database.run(
                """
                DELETE FROM observation_bin WHERE device = ?1 AND sensor = ?2 AND valid_at_ms = ?3
                    AND valid_at_ms <= (SELECT frozen_until_ms FROM device_log WHERE device = ?1)
                """, device, sensor, validAt.ms)
            try database.run("UPDATE sensor SET observations = observations - ? WHERE device = ? AND id = ?", Int64(deleted), device, sensor)
            return deleted > 0
        }
        if !isDeleted { try requestRederivation(of: device, now: now) }
        return isDeleted
    }
}

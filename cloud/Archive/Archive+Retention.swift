package import Measures
internal import Observing
internal import Runtime
internal import Wire

/// The oldest batches of one device, which retention may delete from the log.
struct ExpiredBatches {
    let device: Int64
    let newest: Int64  // id of the newest of these batches
    var lastSequences: [Int64: Int64] = [:]  // by epoch, the highest sequence in these batches
}

/// Deletes old batches from the log. Observations stay for ever.
///
/// Before batches are deleted, the observations that contain their readings are frozen: deriving again from the log leaves them as they are. The
/// sequences of deleted batches remain held, so that a row that a device sends again is not stored twice.
extension Archive {
    /// Batches that arrived before this time may have been deleted, and readings without an agent that were taken before it are refused.
    package func retentionHorizon() throws -> Instant { Instant(ms: try database.integer("SELECT horizon_ms FROM retention") ?? 0) }

    /// Moves the horizon to `keep` before now; never back.
    ///
    /// "Now" is the time of the newest reading if the server's clock is ahead of it, so that a wrong clock deletes nothing early.
    /// - Returns: the horizon.
    package func advanceRetention(keep: Duration, now: Instant) throws -> Instant {
        let newest = try database.integer("SELECT MAX(last_at_ms) FROM sensor") ?? 0
        let horizon = min(now, Instant(ms: newest)) - keep
        try database.run("UPDATE retention SET horizon_ms = ?1 WHERE horizon_ms < ?1", horizon.ms)
        return try retentionHorizon()
    }

    /// Makes the partitions for batches that arrive, and for observations that are made, in this span.
    package func preparePartitions(for span: ClosedRange<Instant>) throws { try database.preparePartitions(for: span) }

    /// A step of a pass over all devices.
    package struct RetentionStep: Sendable {
        package let device: Int64  // the next step begins after this device
        package var deleted = 0  // rows
        package var postponed = 0  // devices whose batches are not derived yet: the next pass tries again
    }

    // MARK: whole months

    /// Calendar months whose batches are all expired, if the database stores each month in a table of its own.
    package func expiredMonths(before horizon: Instant) throws -> [Int64]? { try database.expiredMonths(before: horizon)?.map(\.number) }

    /// Freezes the observations of some devices with batches in the month, so that the month can be dropped.
    /// - Returns: `nil` if no device has a higher id.
    package func prepareToDrop(_ month: Int64, after device: Int64, before horizon: Instant) throws -> RetentionStep? {
        try database.transaction(.lazy) {
            var step: RetentionStep?
            for _ in 0..<Archive.devicesPerStep {
                guard let expired = try database.expiredBatches(in: LogMonth(number: month), after: step?.device ?? device) else { break }
                let isFrozen = try freeze(expired, before: horizon)
                step = RetentionStep(device: expired.device, postponed: (step?.postponed ?? 0) + (isFrozen ? 0 : 1))
            }
            return step
        }
    }

    /// Deletes the batches of a month. Call `prepareToDrop` for all devices first.
    package func drop(_ month: Int64) throws { try database.drop(LogMonth(number: month)) }

    // MARK: single batches

    private static let batchesPerDeletion = 200

    /// Deletes a few of the oldest batches: for a database that keeps the log in one table.
    /// - Returns: `nil` if no device has a higher id.
    package func deleteExpiredBatches(after device: Int64, before horizon: Instant) throws -> RetentionStep? {
        guard let next = try database.integer("SELECT MIN(device) FROM device_log WHERE device > ?", device) else { return nil }
        return try database.transaction(.lazy) {
            let rows = try database.rows(
                """
                SELECT id, epoch, last, received_at_ms, LENGTH(body) FROM batch WHERE device = ? ORDER BY id LIMIT \(Archive.batchesPerDeletion)
                """, next)
            let isExpired = rows.map { (ClockDiscipline.earliest.ms..<horizon.ms).contains($0.integer(3)) }
            guard let last = isExpired.lastIndex(of: true) else { return RetentionStep(device: next) }
            // A batch from before 2026 arrived while the server's clock was not set. It is as old as the batch after it.
            let old = rows[...last].filter { $0.integer(3) < horizon.ms }
            var expired = ExpiredBatches(device: next, newest: rows[last].integer(0))
            for row in old { expired.lastSequences[row.integer(1)] = max(expired.lastSequences[row.integer(1)] ?? 0, row.integer(2)) }
            guard try freeze(expired, before: horizon) else { return RetentionStep(device: next, postponed: 1) }
            try database.changeEach("DELETE FROM batch WHERE device = ? AND id = ?", old.map { [.integer(next), .integer($0.integer(0))] })
            try database.changeEach(
                "UPDATE log_total SET bytes = bytes - ? WHERE shard = 0 AND month = ?",
                old.map { [.integer($0.integer(4)), .integer(LogMonth(of: Instant(ms: $0.integer(3))).number)] })
            // The device has its next turn at once.
            return RetentionStep(device: next - 1, deleted: old.count)
        }
    }

    // MARK: what both need

    /// Readings are at most this much later than the arrival of their batch, and a bin ends at most an hour after its readings.
    private static let longestAfterArrival = BatchArrival.futureTolerance + .seconds(3_600)

    /// Freezes the device's observations up to the horizon, if the expired batches are derived and no derivation from the start of the log is under way.
    /// - Returns: whether the batches may be deleted.
    private func freeze(_ expired: ExpiredBatches, before horizon: Instant) throws -> Bool {
        let device = expired.device
        try database.lock(devices: [device])
        let frozenAt = horizon + Archive.longestAfterArrival
        let frozen = try database.run(
            """
            UPDATE device_log SET frozen_ms = CASE WHEN frozen_ms > ?1 THEN frozen_ms ELSE ?1 END
            WHERE device = ?2 AND phase <> \(DerivationState.Phase.clearing.rawValue) AND through >= ?3 AND through >= frozen_through
            """, frozenAt.ms, device, expired.newest)
        guard frozen > 0 else { return false }
        // The extremes of frozen bins cannot be computed again from the log.
        try database.run("DELETE FROM inexact_bin WHERE device = ? AND valid_at_ms <= ?", device, frozenAt.ms)
        for (epoch, last) in expired.lastSequences {
            try database.run(
                "UPDATE epoch SET expired_through = ?1 WHERE device = ?2 AND epoch = ?3 AND expired_through < ?1", last, device, epoch)
            try database.run("DELETE FROM refused WHERE device = ? AND epoch = ? AND sequence <= ?", device, epoch, last)
        }
        ledgers[device] = nil  // its epochs have changed
        return true
    }

    /// Deletes the keys of readings without an agent that were taken before the horizon, a bounded number.
    /// - Returns: `nil` if no device has a higher id.
    package func deleteExpiredPlainReadings(after device: Int64, before horizon: Instant) throws -> RetentionStep? {
        guard let next = try database.integer("SELECT MIN(device) FROM plain_reading WHERE device > ?", device) else { return nil }
        return try database.transaction(.lazy) {
            let sensors = try database.rows("SELECT name FROM sensor_name WHERE device = ?", next).map { $0.text(0) }
            for sensor in sensors {
                let deleted = try database.run(
                    """
                    DELETE FROM plain_reading WHERE (device, sensor, taken_at_ms) IN (
                        SELECT device, sensor, taken_at_ms FROM plain_reading WHERE device = ? AND sensor = ? AND taken_at_ms < ? LIMIT 5000)
                    """, next, sensor, horizon.ms)
                if deleted > 0 { return RetentionStep(device: next - 1, deleted: deleted) }
            }
            return RetentionStep(device: next)
        }
    }

    /// Gives free space in the archive's file back to the disk, a bounded amount.
    /// - Returns: whether there is more to give back.
    package func giveBackSpace() throws -> Bool { try database.giveBackSpace() }

    /// Removes a bin with impossible values if the bin is frozen; otherwise marks the device, so that its observations are derived again.
    package func repairDamagedBin(of device: Int64, sensor: Int64, validAt: Instant, now: Instant) throws {
        let isRemoved = try database.transaction {
            let removed = try database.run(
                """
                DELETE FROM observation_bin WHERE device = ?1 AND sensor = ?2 AND valid_at_ms = ?3
                    AND valid_at_ms <= (SELECT frozen_ms FROM device_log WHERE device = ?1)
                """, device, sensor, validAt.ms)
            try database.run("UPDATE sensor SET observations = observations - ? WHERE device = ? AND id = ?", Int64(removed), device, sensor)
            return removed > 0
        }
        if !isRemoved { try requestRederivation(of: device, now: now) }
    }
}

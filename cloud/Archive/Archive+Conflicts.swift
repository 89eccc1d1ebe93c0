internal import Measures
internal import Wire

/// Finds rows that the archive already holds under the same sequence with other content.
extension Archive {
    /// A batch has at most `BatchFormat.rowLimit` rows, so an overlapping batch begins at most `BatchFormat.rowLimit` sequences earlier: the cost of the search
    /// does not grow with the log.
    private static let selectOverlapping = """
        SELECT body, first, last FROM batch WHERE device = ?1 AND epoch = ?2 AND first BETWEEN ?3 - \(BatchFormat.rowLimit) AND ?4 AND last >= ?3
        """

    /// Calls `body` for each batch of the log that overlaps: body, first and last sequence.
    private func forEachOverlapping(_ device: Int64, _ epoch: Epoch, _ sequences: ClosedRange<Int64>, _ body: (Row) -> Void) throws {
        let values: [DatabaseValue] = [
            .integer(device), Int64(bitPattern: epoch.bits).databaseValue, .integer(sequences.lowerBound), .integer(sequences.upperBound),
        ]
        try database.forEachRow(Archive.selectOverlapping, values) { row in
            body(row)
            return true
        }
    }

    /// Returns the sequences for which the archive has no row: no batch of the log contains the sequence, the row was not refused, and retention
    /// cannot have deleted the batch.
    func unstoredSequences(_ device: Int64, _ epoch: Epoch, _ all: ClosedRange<Int64>) throws -> [ClosedRange<Int64>] {
        var stored: [ClosedRange<Int64>] = []
        try forEachOverlapping(device, epoch, all) { stored.append($0.integer(1)...max($0.integer(1), $0.integer(2))) }
        for row in try database.rows(
            "SELECT sequence FROM refused WHERE device = ? AND epoch = ? AND sequence BETWEEN ? AND ?", device, Int64(bitPattern: epoch.bits),
            all.lowerBound, all.upperBound)
        { stored.append(row.integer(0)...row.integer(0)) }
        return HeldRanges(stored + (try expiredSequences(device, epoch, all))).missing(in: all)
    }

    /// Returns the held sequences up to `expiredThrough`. Retention may have deleted the batches of these sequences.
    private func expiredSequences(_ device: Int64, _ epoch: Epoch, _ all: ClosedRange<Int64>) throws -> [ClosedRange<Int64>] {
        let held = try heldEpoch(device, epoch)
        guard held.expiredThrough >= all.lowerBound else { return [] }
        return held.ranges.held(in: all.lowerBound...min(all.upperBound, held.expiredThrough))
    }

    /// Finds rows that use the sequences of deleted rows. A deleted row cannot be compared. But a reading that was taken after `frozen_until_ms` cannot
    /// be a deleted reading.
    /// - Returns: all sequences of the batch that deleted rows may have used, if one of them has a reading after `frozen_until_ms`; otherwise none.
    private func conflictsWithExpired(_ device: Int64, _ batch: Batch) throws -> [Int64] {
        let expired = try expiredSequences(device, batch.epoch, batch.first...batch.last)
        guard !expired.isEmpty, let frozenUntil = try database.integer("SELECT frozen_until_ms FROM device_log WHERE device = ?", device) else {
            return []
        }
        let sequences = Array(expired.joined())
        let isOther = sequences.contains { sequence in
            guard case .reading(_, let reading) = batch.rows[Int(sequence - batch.first)] else { return false }
            return reading.takenAt.ms > frozenUntil
        }
        return isOther ? sequences : []
    }

    func conflicts(_ device: Int64, _ batch: Batch) throws -> [Int64] {
        let sent = batch.first...batch.last
        var conflicts = try conflictsWithExpired(device, batch)
        try forEachOverlapping(device, batch.epoch, sent) { row in
            let (first, last) = (row.integer(1), row.integer(2))
            guard first <= last else { return }  // a damaged row holds no sequences
            let sequences = max(first, batch.first)...min(last, batch.last)
            guard let stored = try? Batch(binary: row.bytes(0)), stored.first == first, stored.last == last else {
                conflicts += sequences  // the stored batch is damaged: the device sends these rows again under another epoch
                return
            }
            for sequence in sequences {
                let (old, new) = (stored.rows[Int(sequence - stored.first)], batch.rows[Int(sequence - batch.first)])
                if !Archive.isSame(old, stored.sensors, new, batch.sensors) { conflicts.append(sequence) }
            }
        }
        return Set(conflicts).sorted()
    }

    private static func isSame(_ a: Batch.Row, _ aSensors: [SensorName], _ b: Batch.Row, _ bSensors: [SensorName]) -> Bool {
        switch (a, b) {
        case (.reading(let aSensor, let aReading), .reading(let bSensor, let bReading)):
            aReading == bReading && aSensors[aSensor] == bSensors[bSensor]
        case (.record(let aRecord), .record(let bRecord)): aRecord == bRecord
        default: false
        }
    }

    /// How many bytes of the device's other epochs are searched for conflicting rows. The search is limited because it runs inside the transaction
    /// that all devices share. Three sensors that are read once a minute fill the limit in about 90 days.
    private static let searchByteLimit = 2_000_000
    private static let lookupCostBytes = 64  // added for each batch: finding a batch also takes time

    /// The conflicting rows that the archive does not hold under any other epoch.
    ///
    /// A device that was restored from an older copy may send rows under an old epoch that are already stored under a newer epoch. Two rows are the
    /// same reading if sensor, boot and boot time are equal. The stored rows were sent recently, so the newest batches of these boots are searched,
    /// up to a limit. A row that is not found is reported to the device as a conflict; the device then begins a new epoch.
    func conflictsNotFoundElsewhere(_ conflicts: [Int64], of batch: Batch, _ device: Int64) throws -> [Int64] {
        var unknown: [SensorReading: Int64] = [:]
        var others: [Int64] = []
        for sequence in conflicts {
            if case .reading(let sensor, let reading) = batch.rows[Int(sequence - batch.first)] {
                unknown[SensorReading(sensor: batch.sensors[sensor], reading: reading)] = sequence
            } else {
                others.append(sequence)
            }
        }
        guard let first = unknown.keys.map(\.reading.boot).min(), let last = unknown.keys.map(\.reading.boot).max() else { return conflicts }
        // The limit is on the rows that are visited, whether their boots match or not.
        let candidates = try database.rows(
            """
            SELECT id, LENGTH(body), received_at_ms FROM batch WHERE device = ?1 AND epoch <> ?4 AND (id, received_at_ms) IN (
                SELECT id, received_at_ms FROM (SELECT id, received_at_ms, boot_first, boot_last FROM batch WHERE device = ?1 ORDER BY id DESC LIMIT ?5) newest
                WHERE boot_last >= ?2 AND boot_first <= ?3)
            ORDER BY id DESC
            """, device, Int64(first), Int64(last), Int64(bitPattern: batch.epoch.bits), Archive.searchByteLimit / Archive.lookupCostBytes)
        var searched: Int64 = 0
        for candidate in candidates {
            searched += candidate.integer(1) + Int64(Archive.lookupCostBytes)
            let body =
                try database.row(
                    "SELECT body FROM batch WHERE device = ? AND id = ? AND received_at_ms = ?", device, candidate.integer(0), candidate.integer(2))?
                .bytes(0) ?? []
            if let frame = try? BatchFrame(body) {
                try? frame.forEachReading { index, reading in
                    unknown[SensorReading(sensor: frame.sensors[index], reading: reading)] = nil
                }
            }
            guard !unknown.isEmpty, searched < Archive.searchByteLimit else { break }
        }
        return (others + unknown.values).sorted()
    }
}

internal import Measures
internal import SQLite
internal import Wire

/// Finds rows that the archive already holds under the same sequence with other content.
extension Archive {
    /// A batch has at most `Batch.rowLimit` rows, so an overlapping batch begins at most `Batch.rowLimit` sequences earlier: the cost of the search
    /// does not grow with the log.
    private static let selectOverlapping = """
        SELECT body, first, last FROM batch WHERE device = ?1 AND epoch = ?2 AND first BETWEEN ?3 - \(Batch.rowLimit) AND ?4 AND last >= ?3
        """

    private func overlapping(_ device: Int64, _ epoch: Epoch, _ sequences: ClosedRange<Int64>) throws -> Statement {
        let select = try database.prepare(Archive.selectOverlapping)
        try select.bind(device, at: 1)
        try select.bind(Int64(bitPattern: epoch.bits), at: 2)
        try select.bind(sequences.lowerBound, at: 3)
        try select.bind(sequences.upperBound, at: 4)
        return select
    }

    /// Sequences that no batch of the log holds and that were not refused.
    func unstoredSequences(_ device: Int64, _ epoch: Epoch, _ all: ClosedRange<Int64>) throws -> [ClosedRange<Int64>] {
        var stored: [ClosedRange<Int64>] = []
        var batches = try overlapping(device, epoch, all)
        while try batches.step() { stored.append(batches.integer(1)...max(batches.integer(1), batches.integer(2))) }
        var refused = try database.prepare("SELECT sequence FROM refused WHERE device = ? AND epoch = ? AND sequence BETWEEN ? AND ?")
        try refused.bind(device, at: 1)
        try refused.bind(Int64(bitPattern: epoch.bits), at: 2)
        try refused.bind(all.lowerBound, at: 3)
        try refused.bind(all.upperBound, at: 4)
        while try refused.step() { stored.append(refused.integer(0)...refused.integer(0)) }
        return HeldRanges(stored).missing(in: all)
    }

    func conflicts(_ device: Int64, _ batch: Batch) throws -> [Int64] {
        let sent = batch.first...batch.last
        var select = try overlapping(device, batch.epoch, sent)
        var conflicts: [Int64] = []
        while try select.step() {
            guard select.integer(1) <= select.integer(2) else { continue }  // a damaged row holds no sequences
            let sequences = max(select.integer(1), batch.first)...min(select.integer(2), batch.last)
            guard let stored = try? Batch(binary: select.blob(0)), stored.first == select.integer(1), stored.last == select.integer(2) else {
                conflicts += sequences  // the stored batch is damaged: the device sends these rows again under another epoch
                continue
            }
            for sequence in sequences {
                let (old, new) = (stored.rows[Int(sequence - stored.first)], batch.rows[Int(sequence - batch.first)])
                if !Archive.isSame(old, stored.sensors, new, batch.sensors) { conflicts.append(sequence) }
            }
        }
        return conflicts.sorted()
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
        var select = try database.prepare(
            """
            SELECT body FROM batch WHERE id IN (
                SELECT id FROM batch WHERE device = ? AND boot_last >= ? AND boot_first <= ? AND epoch <> ? ORDER BY id DESC LIMIT ?)
            ORDER BY id DESC
            """)
        try select.bind(device, at: 1)
        try select.bind(Int64(first), at: 2)
        try select.bind(Int64(last), at: 3)
        try select.bind(Int64(bitPattern: batch.epoch.bits), at: 4)
        try select.bind(Int64(Archive.searchByteLimit / Archive.lookupCostBytes), at: 5)
        var searched = 0
        while !unknown.isEmpty, searched < Archive.searchByteLimit, try select.step() {
            let body = select.blob(0)
            searched += body.count + Archive.lookupCostBytes
            guard let frame = try? BatchFrame(body) else { continue }
            try? frame.forEachReading { index, reading in
                unknown[SensorReading(sensor: frame.sensors[index], reading: reading)] = nil
            }
        }
        return (others + unknown.values).sorted()
    }
}

package import Measures
internal import Observing
internal import SQLite
package import Wire

/// Takes batches in. What is acknowledged is on the disk, once; what follows from readings is derived later, beside it.
extension Archive {
    /// Stores what is new in all of them in one transaction.
    /// - Returns: the answer to each; when this returns they may leave.
    package func ingest(_ arrivals: [Arrival], next: Answer.Next) throws -> [Answer] {
        try database.transaction {
            var log = try LogWriter(database)
            let champion = try releaseName(alias: Archive.champion)
            var answers: [Answer] = []
            var seen: [Int64: Arrival] = [:]
            for arrival in arrivals {
                var answer = try ingest(arrival, &log)
                answer.next = next
                answer.release = champion
                answers.append(answer)
                if arrival.frame.report != nil || seen[arrival.device] == nil { seen[arrival.device] = arrival }
            }
            try log.finish()
            let toRotate = Set(try seen.values.filter { try noteSeen($0) }.map(\.device))
            for index in answers.indices { answers[index].wantsNewToken = toRotate.contains(arrivals[index].device) }
            return answers
        }
    }

    private func ingest(_ arrival: Arrival, _ log: inout LogWriter) throws -> Answer {
        let (device, frame) = (arrival.device, arrival.frame)
        let before = try heldRanges(device, frame.epoch)
        var held = before
        var (conflicts, refused): ([Int64], [Answer.Refused]) = ([], [])
        if frame.rowCount > 0 {
            let all = frame.first...frame.last
            let new = held.missing(in: all)
            if new == [all], arrival.malformed.isEmpty {
                let id = try log.append(frame.withoutReport(), arrival, all, readings: frame.readingCount)
                for (place, record) in frame.records { try derive(record, device, frame.epoch, frame.first + Int64(place), batch: id, &held) }
            } else {
                let batch = try Batch(binary: frame.bytes)
                conflicts = try self.conflicts(device, batch)
                if !conflicts.isEmpty { conflicts = try unknown(conflicts, of: batch, device) }
                // What a hole has settled, but no batch holds, may be another copy's: a row of it is stored when it does come.
                let missing = try unstored(device, frame.epoch, all)
                refused = arrival.malformed.map { frame.first + Int64($0) }.filter { sequence in missing.contains { $0.contains(sequence) } }
                    .map { Answer.Refused(sequence: $0, reason: .malformed) }
                for part in parts(of: missing, without: refused) { try store(batch.part(part), arrival, &held, &log) }
                try save(refused, device, frame.epoch)
            }
            held.insert(all)
        }
        try save(held, before, device, frame.epoch)
        return Answer(
            epoch: frame.epoch, through: held.through, held: Array(held.above.prefix(Answer.heldLimit)), refused: refused, conflicts: conflicts,
            next: Answer.Next(afterMs: 0, maxReadings: 0, maxBytes: 0), release: nil)
    }

    /// Sequences that no batch of the log holds and that were not refused.
    private func unstored(_ device: Int64, _ epoch: Epoch, _ all: ClosedRange<Int64>) throws -> [ClosedRange<Int64>] {
        var stored = HeldRanges()
        for sql in [
            "SELECT first, last FROM batch WHERE device = ? AND epoch = ? AND last >= ? AND first <= ?",
            "SELECT sequence, sequence FROM refused WHERE device = ? AND epoch = ? AND sequence >= ? AND sequence <= ?",
        ] {
            var select = try database.prepare(sql)
            try select.bind(device, at: 1)
            try select.bind(Int64(bitPattern: epoch.bits), at: 2)
            try select.bind(all.lowerBound, at: 3)
            try select.bind(all.upperBound, at: 4)
            while try select.step() { stored.insert(select.integer(0)...select.integer(1)) }
        }
        return stored.missing(in: all)
    }

    private func parts(of new: [ClosedRange<Int64>], without refused: [Answer.Refused]) -> [ClosedRange<Int64>] {
        var rest = HeldRanges(new)
        for row in refused { rest.remove(row.sequence...row.sequence) }
        return rest.ranges
    }

    private func store(_ part: Batch, _ arrival: Arrival, _ held: inout HeldRanges, _ log: inout LogWriter) throws {
        let readings = part.rows.reduce(0) { if case .reading = $1 { $0 + 1 } else { $0 } }
        let id = try log.append(part.binary(), arrival, part.first...part.last, readings: readings)
        for (place, row) in part.rows.enumerated() {
            guard case .record(let record) = row else { continue }
            try derive(record, arrival.device, part.epoch, part.first + Int64(place), batch: id, &held)
        }
    }

    /// Rows that the cloud holds under the same name with other content.
    private func conflicts(_ device: Int64, _ batch: Batch) throws -> [Int64] {
        var select = try database.prepare("SELECT body, first, last FROM batch WHERE device = ? AND epoch = ? AND first <= ? AND last >= ?")
        try select.bind(device, at: 1)
        try select.bind(Int64(bitPattern: batch.epoch.bits), at: 2)
        try select.bind(batch.last, at: 3)
        try select.bind(batch.first, at: 4)
        var conflicts: [Int64] = []
        while try select.step() {
            let sequences = max(select.integer(1), batch.first)...min(select.integer(2), batch.last)
            guard let stored = try? Batch(binary: select.blob(0)), stored.first == select.integer(1), stored.last == select.integer(2) else {
                conflicts += sequences  // damaged here: the device sends them again under another name
                continue
            }
            for sequence in max(stored.first, batch.first)...min(stored.last, batch.last) {
                let (old, sent) = (stored.rows[Int(sequence - stored.first)], batch.rows[Int(sequence - batch.first)])
                if !Archive.isSame(old, stored.sensors, sent, batch.sensors) { conflicts.append(sequence) }
            }
        }
        return conflicts.sorted()
    }

    /// Those of the conflicting rows that the cloud does not hold under any other name either.
    ///
    /// A store that was set back after it had sent rows under a new epoch sends them under the old one again: the same reading, by
    /// sensor, start of the host and time since then, is the same.
    private func unknown(_ conflicts: [Int64], of batch: Batch, _ device: Int64) throws -> [Int64] {
        var unknown: [NamedReading: Int64] = [:]
        var others: [Int64] = []
        for sequence in conflicts {
            if case .reading(let sensor, let reading) = batch.rows[Int(sequence - batch.first)] {
                unknown[NamedReading(sensor: batch.sensors[sensor], reading: reading)] = sequence
            } else {
                others.append(sequence)
            }
        }
        guard let first = unknown.keys.map(\.reading.boot).min(), let last = unknown.keys.map(\.reading.boot).max() else { return conflicts }
        var select = try database.prepare("SELECT body FROM batch WHERE device = ? AND boot_first <= ? AND boot_last >= ?")
        try select.bind(device, at: 1)
        try select.bind(Int64(last), at: 2)
        try select.bind(Int64(first), at: 3)
        while !unknown.isEmpty, try select.step() {
            guard let frame = try? BatchFrame(select.blob(0)) else { continue }
            try? frame.forEachReading { place, reading in
                unknown[NamedReading(sensor: frame.sensors[place], reading: reading)] = nil
            }
        }
        return (others + unknown.values).sorted()
    }

    private struct NamedReading: Hashable {
        let sensor: SensorName
        let reading: Reading
    }

    private static func isSame(_ a: Batch.Row, _ aSensors: [SensorName], _ b: Batch.Row, _ bSensors: [SensorName]) -> Bool {
        switch (a, b) {
        case (.reading(let aSensor, let aReading), .reading(let bSensor, let bReading)):
            aReading == bReading && aSensors[aSensor] == bSensors[bSensor]
        case (.record(let aRecord), .record(let bRecord)): aRecord == bRecord
        default: false
        }
    }

    package func heldRanges(_ device: Int64, _ epoch: Epoch) throws -> HeldRanges {
        var select = try database.prepare("SELECT first, last FROM held WHERE device = ? AND epoch = ? ORDER BY first")
        try select.bind(device, at: 1)
        try select.bind(Int64(bitPattern: epoch.bits), at: 2)
        var ranges: [ClosedRange<Int64>] = []
        while try select.step() { ranges.append(select.integer(0)...select.integer(1)) }
        return HeldRanges(ranges)
    }

    /// Writes the ranges that have changed.
    func save(_ held: HeldRanges, _ before: HeldRanges, _ device: Int64, _ epoch: Epoch) throws {
        guard held != before else { return }
        func bind(_ statement: borrowing Statement, _ first: Int64) throws {
            try statement.bind(device, at: 1)
            try statement.bind(Int64(bitPattern: epoch.bits), at: 2)
            try statement.bind(first, at: 3)
        }
        let starts = Set(held.ranges.map(\.lowerBound))
        for range in before.ranges where !starts.contains(range.lowerBound) {
            var delete = try database.prepare("DELETE FROM held WHERE device = ? AND epoch = ? AND first = ?")
            try bind(delete, range.lowerBound)
            try delete.run()
        }
        let unchanged = Set(before.ranges)
        for range in held.ranges where !unchanged.contains(range) {
            var upsert = try database.prepare(
                "INSERT INTO held VALUES (?, ?, ?, ?) ON CONFLICT (device, epoch, first) DO UPDATE SET last = excluded.last")
            try bind(upsert, range.lowerBound)
            try upsert.bind(range.upperBound, at: 4)
            try upsert.run()
        }
    }

    private func save(_ refused: [Answer.Refused], _ device: Int64, _ epoch: Epoch) throws {
        guard !refused.isEmpty else { return }
        var insert = try database.prepare("INSERT INTO refused VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING")
        for row in refused {
            try insert.bind(device, at: 1)
            try insert.bind(Int64(bitPattern: epoch.bits), at: 2)
            try insert.bind(row.sequence, at: 3)
            try insert.bind(row.reason.name, at: 4)
            try insert.run()
        }
    }

    /// Keeps when the device was last heard of and what it said of itself.
    /// - Returns: whether it should get a new token.
    private func noteSeen(_ arrival: Arrival) throws -> Bool {
        var update = try database.prepare("UPDATE device SET last_seen_at_ms = ?, report = COALESCE(?, report) WHERE id = ? RETURNING rotate_at_ms")
        try update.bind(arrival.receivedAt.ms, at: 1)
        try update.bind(arrival.frame.report.map(ReportCoding.bytes), at: 2)
        try update.bind(arrival.device, at: 3)
        guard try update.step(), let rotateAt = update.optionalInteger(0) else { return false }
        return rotateAt <= arrival.receivedAt.ms
    }
}

/// Appends packed batches to the log within one transaction.
struct LogWriter: ~Copyable {
    private let database: Connection
    private var insert: Statement
    private var total: (batches: Int64, readings: Int64, bytes: Int64) = (0, 0, 0)

    init(_ database: Connection) throws {
        self.database = database
        insert = try database.prepare(
            """
            INSERT INTO batch (device, epoch, first, last, received_at_ms, readings, body, boot_first, boot_last) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
            """)
    }

    /// - Returns: the batch's place in the log.
    mutating func append(_ body: [UInt8], _ arrival: Archive.Arrival, _ sequences: ClosedRange<Int64>, readings: Int) throws -> Int64 {
        try insert.bind(arrival.device, at: 1)
        try insert.bind(Int64(bitPattern: arrival.frame.epoch.bits), at: 2)
        try insert.bind(sequences.lowerBound, at: 3)
        try insert.bind(sequences.upperBound, at: 4)
        try insert.bind(arrival.receivedAt.ms, at: 5)
        try insert.bind(Int64(readings), at: 6)
        try insert.bind(body, at: 7)
        try insert.bind(Int64(arrival.boots.lowerBound), at: 8)
        try insert.bind(Int64(arrival.boots.upperBound), at: 9)
        try insert.run()
        total = (total.batches + 1, total.readings + Int64(readings), total.bytes + Int64(body.count))
        return database.lastInsertedRow
    }

    mutating func finish() throws {
        guard total.batches > 0 else { return }
        var update = try database.prepare("UPDATE log_total SET batches = batches + ?, readings = readings + ?, bytes = bytes + ?")
        for (place, value) in [total.batches, total.readings, total.bytes].enumerated() { try update.bind(value, at: Int32(place + 1)) }
        try update.run()
        total = (0, 0, 0)
    }
}

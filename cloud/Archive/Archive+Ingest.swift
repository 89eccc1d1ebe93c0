package import Measures
internal import Observing
internal import SQLite
package import Wire

/// Takes batches in. What is acknowledged is on the disk, once.
extension Archive {
    /// A batch and whose it is.
    package struct Arrival: Sendable {
        package let device: Int64
        package let batch: Batch
        package let receivedAt: Instant
        package init(device: Int64, batch: Batch, receivedAt: Instant) {
            self.device = device
            self.batch = batch
            self.receivedAt = receivedAt
        }
    }

    package struct Pace: Sendable {
        package var afterMs: Int64 = 0
        package var maxReadings: Int64 = 5_000
        package var maxBytes: Int64 = Int64(Batch.byteLimit)
        package init() {}
    }

    /// Stores what is new in all of them in one transaction.
    /// - Returns: the answer to each; when this returns they may leave.
    package func ingest(_ arrivals: [Arrival], pace: Pace) throws -> [Answer] {
        try database.transaction {
            var bins = BinBuffer()
            let champion = try releaseName(alias: Archive.champion)
            let answers = try arrivals.map { try ingest($0, pace: pace, champion: champion, into: &bins) }
            try write(bins)
            return answers
        }
    }

    /// Readings dated further ahead than this are refused: they would be the newest for ever.
    private static let futureTolerance: Duration = .seconds(86_400)

    private func ingest(_ arrival: Arrival, pace: Pace, champion: ReleaseName?, into bins: inout BinBuffer) throws -> Answer {
        let (device, batch) = (arrival.device, arrival.batch)
        var held = try heldRanges(device, batch.epoch)
        let new = batch.rows.isEmpty ? [] : held.missing(in: batch.first...batch.last)
        let conflicts = try conflicts(device, batch, except: new)

        var refused: [Answer.Refused] = []
        for part in new {
            var start = part.lowerBound
            for sequence in part {
                guard let reason = refusal(of: batch.rows[Int(sequence - batch.first)], receivedAt: arrival.receivedAt) else { continue }
                refused.append(Answer.Refused(sequence: sequence, reason: reason))
                if start < sequence { try store(batch.part(start...(sequence - 1)), arrival, &held, &bins) }
                start = sequence + 1
            }
            if start <= part.upperBound { try store(batch.part(start...part.upperBound), arrival, &held, &bins) }
        }
        for part in new { held.insert(part) }
        try save(refused, device, batch.epoch)
        if !new.isEmpty { try save(held, device, batch.epoch) }
        try noteSeen(arrival)
        return Answer(
            epoch: batch.epoch, through: held.through, held: Array(held.above.prefix(Answer.heldLimit)), refused: refused, conflicts: conflicts,
            next: Answer.Next(afterMs: pace.afterMs, maxReadings: pace.maxReadings, maxBytes: pace.maxBytes), release: champion)
    }

    private func refusal(of row: Batch.Row, receivedAt: Instant) -> Answer.Refused.Reason? {
        guard case .reading(_, let reading) = row else { return nil }
        if !Instant.valid.contains(reading.takenAt) { return .malformed }
        return reading.takenAt > receivedAt + Archive.futureTolerance ? .future : nil
    }

    // MARK: the log

    private func store(_ batch: Batch, _ arrival: Arrival, _ held: inout HeldRanges, _ bins: inout BinBuffer) throws {
        var insert = try database.prepare(
            "INSERT INTO batch (device, epoch, first, last, received_at_ms, readings, body) VALUES (?, ?, ?, ?, ?, ?, ?)")
        let readings = batch.rows.reduce(0) { if case .reading = $1 { $0 + 1 } else { $0 } }
        try insert.bind(arrival.device, at: 1)
        try insert.bind(Int64(bitPattern: batch.epoch.bits), at: 2)
        try insert.bind(batch.first, at: 3)
        try insert.bind(batch.last, at: 4)
        try insert.bind(arrival.receivedAt.ms, at: 5)
        try insert.bind(Int64(readings), at: 6)
        try insert.bind(batch.binary(), at: 7)
        try insert.run()
        try derive(batch, device: arrival.device, held: &held, bins: &bins)
    }

    /// Everything that follows from rows of the log: sensors, bins, holes, corrections, sequences that will never come.
    private func derive(_ batch: Batch, device: Int64, held: inout HeldRanges, bins: inout BinBuffer) throws {
        for (index, row) in batch.rows.enumerated() {
            guard case .record(let record) = row else { continue }
            let sequence = batch.first + Int64(index)
            switch record {
            case .sensor(let sensor): try upsert(sensor, device)
            case .hole(let hole):
                try insert(hole, device, batch.epoch, sequence)
                if let gone = hole.sequences {
                    if let epoch = hole.epoch, epoch != batch.epoch {
                        var other = try heldRanges(device, epoch)
                        other.insert(gone)
                        try save(other, device, epoch)
                    } else if gone.upperBound < sequence {
                        held.insert(gone)
                    }
                }
            case .clockCorrection(let correction): try insert(correction, device, batch.epoch, sequence)
            }
        }
        for (place, name) in batch.sensors.enumerated() {
            let readings = batch.rows.compactMap { row -> Reading? in
                if case .reading(place, let reading) = row { reading } else { nil }
            }
            guard !readings.isEmpty else { continue }
            let (id, grid) = try sensor(name, device, readings)
            for reading in readings { bins.add(reading, sensor: id, grid: grid) }
        }
    }

    /// Rows that the cloud holds under the same name with other content.
    private func conflicts(_ device: Int64, _ batch: Batch, except new: [ClosedRange<Int64>]) throws -> [Int64] {
        guard !batch.rows.isEmpty, new != [batch.first...batch.last] else { return [] }
        var select = try database.prepare("SELECT body FROM batch WHERE device = ? AND epoch = ? AND first <= ? AND last >= ?")
        try select.bind(device, at: 1)
        try select.bind(Int64(bitPattern: batch.epoch.bits), at: 2)
        try select.bind(batch.last, at: 3)
        try select.bind(batch.first, at: 4)
        var conflicts: [Int64] = []
        while try select.step() {
            let stored = try Batch(binary: select.blob(0))
            for sequence in max(stored.first, batch.first)...min(stored.last, batch.last) {
                let (old, sent) = (stored.rows[Int(sequence - stored.first)], batch.rows[Int(sequence - batch.first)])
                if !Archive.isSame(old, stored.sensors, sent, batch.sensors) { conflicts.append(sequence) }
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

    package func heldRanges(_ device: Int64, _ epoch: Epoch) throws -> HeldRanges {
        var select = try database.prepare("SELECT first, last FROM held WHERE device = ? AND epoch = ? ORDER BY first")
        try select.bind(device, at: 1)
        try select.bind(Int64(bitPattern: epoch.bits), at: 2)
        var ranges: [ClosedRange<Int64>] = []
        while try select.step() { ranges.append(select.integer(0)...select.integer(1)) }
        return HeldRanges(ranges)
    }

    private func save(_ held: HeldRanges, _ device: Int64, _ epoch: Epoch) throws {
        var delete = try database.prepare("DELETE FROM held WHERE device = ? AND epoch = ?")
        try delete.bind(device, at: 1)
        try delete.bind(Int64(bitPattern: epoch.bits), at: 2)
        try delete.run()
        var insert = try database.prepare("INSERT INTO held VALUES (?, ?, ?, ?)")
        for range in held.ranges {
            try insert.bind(device, at: 1)
            try insert.bind(Int64(bitPattern: epoch.bits), at: 2)
            try insert.bind(range.lowerBound, at: 3)
            try insert.bind(range.upperBound, at: 4)
            try insert.run()
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

    private func noteSeen(_ arrival: Arrival) throws {
        try touch(arrival.device, now: arrival.receivedAt)
        guard let report = arrival.batch.report else { return }
        var update = try database.prepare("UPDATE device SET report = ? WHERE id = ?")
        try update.bind(ReportCoding.bytes(report), at: 1)
        try update.bind(arrival.device, at: 2)
        try update.run()
    }

    // MARK: what is derived

    private func upsert(_ record: SensorRecord, _ device: Int64) throws {
        var upsert = try database.prepare(
            """
            INSERT INTO sensor (device, name, kind, driver, serial, place, step_s) VALUES (?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (device, name) DO UPDATE SET kind = excluded.kind, driver = excluded.driver, serial = excluded.serial,
                place = excluded.place, step_s = excluded.step_s
            """)
        try upsert.bind(device, at: 1)
        for (place, text) in [record.sensor.name, record.kind, record.driver, record.serial, record.place].enumerated() {
            try upsert.bind(text, at: Int32(place + 2))
        }
        try upsert.bind(record.step.wholeSeconds, at: 7)
        try upsert.run()
    }

    /// A sensor by name; one that no record has announced gets the grid of the readings it comes with.
    private func sensor(_ name: SensorName, _ device: Int64, _ readings: [Reading]) throws -> (id: Int64, grid: TimeGrid) {
        var select = try database.prepare("SELECT id, step_s FROM sensor WHERE device = ? AND name = ?")
        try select.bind(device, at: 1)
        try select.bind(name.name, at: 2)
        if try select.step() { return (select.integer(0), TimeGrid(step: .seconds(select.integer(1)))) }
        let grid = TimeGrid(takenAt: readings.map(\.takenAt))
        try upsert(SensorRecord(sensor: name, kind: "unknown", step: grid.step), device)
        return (database.lastInsertedRow, grid)
    }

    private func insert(_ hole: Hole, _ device: Int64, _ epoch: Epoch, _ sequence: Int64) throws {
        var insert = try database.prepare("INSERT INTO hole VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING")
        try insert.bind(device, at: 1)
        try insert.bind(Int64(bitPattern: epoch.bits), at: 2)
        try insert.bind(sequence, at: 3)
        try insert.bind(hole.sensor?.name, at: 4)
        try insert.bind(hole.reason.name, at: 5)
        try insert.bind(hole.from.ms, at: 6)
        try insert.bind(hole.to.ms, at: 7)
        try insert.bind(hole.count, at: 8)
        try insert.run()
    }

    private func insert(_ correction: ClockCorrection, _ device: Int64, _ epoch: Epoch, _ sequence: Int64) throws {
        var insert = try database.prepare("INSERT INTO clock_correction VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING")
        try insert.bind(device, at: 1)
        try insert.bind(Int64(bitPattern: epoch.bits), at: 2)
        try insert.bind(sequence, at: 3)
        try insert.bind(Int64(correction.boot), at: 4)
        try insert.bind(correction.offset.ms, at: 5)
        try insert.bind(correction.boottimeMs.lowerBound, at: 6)
        try insert.bind(correction.boottimeMs.upperBound, at: 7)
        try insert.run()
    }
}

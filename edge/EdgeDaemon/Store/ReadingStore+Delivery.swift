package import Measures
internal import SQLite
package import Wire

/// What the uplink asks of the store.
extension ReadingStore {
    package var allLives: [Life] { lives }

    /// The rows of a life from `first` on, consecutive, at most `limit`; fewer where a row is gone. `nil` without any.
    package func batch(of epoch: Epoch, from first: Int64, through last: Int64, limit: Int) throws -> Batch? {
        guard first <= last else { return nil }
        return try guarded {
            let life = lives[try index(of: epoch)]
            let keys = RowKey.values(life: life.number, first...min(last, first + Int64(limit) - 1))
            let (sensors, rows) = try rows(keys)
            guard let start = rows.first?.sequence else { return nil }
            var consecutive: [Batch.Row] = []
            consecutive.reserveCapacity(rows.count)
            for row in rows {
                guard row.sequence == start + Int64(consecutive.count) else { break }
                consecutive.append(row.row)
            }
            return Batch(epoch: life.epoch, first: start, sensors: sensors, rows: consecutive)
        }
    }

    /// Readings and records of a range of keys, in the order of their sequences.
    private func rows(_ keys: ClosedRange<Int64>) throws -> (sensors: [SensorName], rows: [(sequence: Int64, row: Batch.Row)]) {
        let names = Dictionary(uniqueKeysWithValues: sensors.map { ($0.value, $0.key) })
        var places: [Int64: Int] = [:]  // a sensor's place in the batch by its number here
        var used: [SensorName] = []
        var records = try database.prepare("SELECT key, body, checksum FROM record WHERE key BETWEEN ? AND ? ORDER BY key")
        try records.bind(keys.lowerBound, at: 1)
        try records.bind(keys.upperBound, at: 2)
        var isRecord = try records.step()
        var rows: [(sequence: Int64, row: Batch.Row)] = []
        func takeRecords(before key: Int64) throws {
            while isRecord, records.integer(0) < key {
                rows.append((RowKey(records.integer(0)).sequence, .record(try records.record())))
                isRecord = try records.step()
            }
        }
        var readings = try database.prepare("SELECT \(Self.readingColumns) FROM reading WHERE key BETWEEN ? AND ? ORDER BY key")
        try readings.bind(keys.lowerBound, at: 1)
        try readings.bind(keys.upperBound, at: 2)
        while try readings.step() {
            let key = readings.integer(0)
            let (sensor, reading) = try readings.reading()
            if places[sensor] == nil {
                guard let name = names[sensor] else { throw DamagedRow(key: key) }
                guard used.count < Batch.sensorLimit else { return (used, rows) }
                places[sensor] = used.count
                used.append(name)
            }
            try takeRecords(before: key)
            rows.append((RowKey(key).sequence, .reading(sensor: places[sensor] ?? 0, reading)))
        }
        try takeRecords(before: .max)
        return (used, rows)
    }

    package enum Settlement: Sendable, Equatable {
        case settled
        case moved(Int)  // rows in conflict, now at the end of a new life
        case storeIsBehind(cloudHolds: Int64, storeGave: Int64)
        case cloudIsBehind(rows: Int64)  // that it had acknowledged and holds no more; they are sent again
        case strangeEpoch
    }

    /// Takes in what the cloud said of the rows `sent` of a life. It is saved with the next commit.
    ///
    /// Only rows that were sent now have been compared: what else the cloud holds under their names may be another copy's.
    package func settle(_ answer: Answer, sent: ClosedRange<Int64>?) throws -> Settlement {
        guard let index = lives.firstIndex(where: { $0.epoch == answer.epoch }) else { return .strangeEpoch }
        let said = answer.holdings
        let before = lives[index]
        if let sent {
            for range in said.held(in: sent) { lives[index].held.insert(range) }
        }
        // A list of the greatest length may go on: beyond its end nothing is known.
        let known = answer.held.count < Answer.heldLimit ? before.last : min(before.last, answer.held.last?.upperBound ?? 0)
        var missed: Int64 = 0
        if known > 0 {
            for held in lives[index].held.held(in: 1...known) {
                for range in said.missing(in: held) {
                    lives[index].held.remove(range)
                    missed += Int64(range.count)
                }
            }
        }
        if lives[index] != before { deliveryIsUnsaved = true }
        lives[index].refused += Int64(answer.refused.count)
        let conflicts = answer.conflicts.filter { sent?.contains($0) == true }
        let highest = said.ranges.last?.upperBound ?? 0
        if highest > before.last, lives.last?.epoch == answer.epoch {
            try commit { try beginLife(reason: "the cloud holds \(highest), the store had given \(before.last)") }
        }
        if !conflicts.isEmpty { try move(conflicts, of: answer.epoch) }
        if highest > before.last { return .storeIsBehind(cloudHolds: highest, storeGave: before.last) }
        if missed > 0 { return .cloudIsBehind(rows: missed) }
        return conflicts.isEmpty ? .settled : .moved(conflicts.count)
    }

    /// Where a life is now: a repair may have happened since it was last looked at.
    func index(of epoch: Epoch) throws -> Int {
        guard let index = lives.firstIndex(where: { $0.epoch == epoch }) else { throw StoreFault("the life \(epoch) is not in the store now") }
        return index
    }

    /// A row that the cloud will never take: counted, and no longer in the way.
    package func setAside(_ epoch: Epoch, _ sequence: Int64) throws {
        try commit {
            let index = try index(of: epoch)
            lives[index].gone.insert(sequence...sequence)
            lives[index].refused += 1
            deliveryIsUnsaved = true
        }
    }

    /// Sequences that should be sent but have no row, from `first` to the next row, at most to `last`: a hole says so in their place.
    ///
    /// They were delivered and dropped when old, and a cloud restored from a copy asks for them again; or they were damaged.
    /// - Returns: what was declared.
    @discardableResult
    package func declareGone(_ epoch: Epoch, from first: Int64, through last: Int64) throws -> ClosedRange<Int64>? {
        try commit {
            let index = try index(of: epoch)
            let number = lives[index].number
            let next = try nextRow(inLife: number, from: first) ?? (last + 1)
            guard next > first else { return nil }
            let sequences = first...min(last, next - 1)
            let oldest = try oldestReading(inLife: number)
            let isOld = oldest.map { sequences.upperBound < $0.sequence } ?? true
            let at = oldest?.at ?? newestReadings.values.map(\.takenAt).min() ?? Instant(ms: 0)
            let hole = Hole(
                sensor: nil, reason: isOld ? .evictedByAge : .storeRepaired, from: at, to: at, count: Int64(sequences.count), sequences: sequences,
                epoch: epoch)
            try insert(.hole(hole))
            lives[index].gone.insert(sequences)
            deliveryIsUnsaved = true
            return sequences
        }
    }

    private func nextRow(inLife number: Int64, from first: Int64) throws -> Int64? {
        let keys = RowKey.values(life: number, first...(1 << StoreSchema.sequenceBits - 1))
        let found = try ["reading", "record"].compactMap { table -> Int64? in
            var select = try database.prepare("SELECT MIN(key) FROM \(table) WHERE key BETWEEN ? AND ?")
            try select.bind(keys.lowerBound, at: 1)
            try select.bind(keys.upperBound, at: 2)
            return try select.step() ? select.optionalInteger(0) : nil
        }
        return found.min().map { RowKey($0).sequence }
    }

    private func oldestReading(inLife number: Int64) throws -> (sequence: Int64, at: Instant)? {
        let keys = RowKey.values(life: number, 0...(1 << StoreSchema.sequenceBits - 1))
        var select = try database.prepare("SELECT key, taken_at_ms FROM reading WHERE key BETWEEN ? AND ? ORDER BY key LIMIT 1")
        try select.bind(keys.lowerBound, at: 1)
        try select.bind(keys.upperBound, at: 2)
        return try select.step() ? (RowKey(select.integer(0)).sequence, Instant(ms: select.integer(1))) : nil
    }

    /// Writes what the cloud holds though nothing else is written: on stop.
    package func saveDelivery() throws {
        if deliveryIsUnsaved { try commit {} }
    }

    private func insert(_ reading: Reading, of sensor: SensorName) throws {
        guard let id = sensors[sensor] else { throw StoreFault("the sensor \(sensor) is not registered") }
        var insert = try database.prepare("INSERT INTO reading VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
        try insert.bindReading(key: nextKey().value, sensor: id, reading)
        try insert.run()
    }

    /// Gives rows whose names are taken in the cloud new names, in a new life.
    private func move(_ sequences: [Int64], of epoch: Epoch) throws {
        try commit {
            let old = lives[try index(of: epoch)]
            try beginLife(reason: "\(sequences.count) rows of \(old.epoch) were in conflict")
            let index = try index(of: epoch)  // lives without rows may have been dropped
            for sequence in sequences {
                let key = RowKey(life: old.number, sequence: sequence).value
                let (names, rows) = try rows(key...key)
                switch rows.first?.row {
                case .reading(let place, let reading): try insert(reading, of: names[place])
                case .record(let record): try insert(record)
                case nil: break
                }
                for table in ["reading", "record"] {
                    var delete = try database.prepare("DELETE FROM \(table) WHERE key = ?")
                    try delete.bind(key, at: 1)
                    try delete.run()
                }
                lives[index].gone.insert(sequence...sequence)
            }
            try save(lives[index])
            deliveryIsUnsaved = true
        }
    }
}

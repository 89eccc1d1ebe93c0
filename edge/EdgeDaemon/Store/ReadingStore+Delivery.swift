internal import Measures
internal import SQLite
package import Wire

/// What the uplink asks of the store.
extension ReadingStore {
    package var allLives: [Life] { lives }

    /// The rows of a life from `first` on, consecutive, at most `limit`; fewer where a row is gone. `nil` without any.
    package func batch(life number: Int64, from first: Int64, through last: Int64, limit: Int) throws -> Batch? {
        guard let life = lives.first(where: { $0.number == number }), first <= last else { return nil }
        let keys = RowKey.values(life: number, first...min(last, first + Int64(limit) - 1))
        return try guarded {
            let (sensors, rows) = try rows(keys)
            guard let start = rows.keys.min() else { return nil }
            var consecutive: [Batch.Row] = []
            while let row = rows[start + Int64(consecutive.count)] { consecutive.append(row) }
            return Batch(epoch: life.epoch, first: start, sensors: sensors, rows: consecutive)
        }
    }

    private func rows(_ keys: ClosedRange<Int64>) throws -> (sensors: [SensorName], rows: [Int64: Batch.Row]) {
        var rows: [Int64: Batch.Row] = [:]
        let names = Dictionary(uniqueKeysWithValues: sensors.map { ($0.value, $0.key) })
        var places: [Int64: Int] = [:]  // a sensor's place in the batch by its number here
        var used: [SensorName] = []
        var readings = try database.prepare("SELECT \(Self.readingColumns) FROM reading WHERE key BETWEEN ? AND ? ORDER BY key")
        try readings.bind(keys.lowerBound, at: 1)
        try readings.bind(keys.upperBound, at: 2)
        while try readings.step() {
            let (sensor, reading) = try readings.reading()
            if places[sensor] == nil {
                guard let name = names[sensor] else { throw DamagedRow(key: readings.integer(0)) }
                guard used.count < Batch.sensorLimit else { break }
                places[sensor] = used.count
                used.append(name)
            }
            rows[RowKey(readings.integer(0)).sequence] = .reading(sensor: places[sensor] ?? 0, reading)
        }
        var records = try database.prepare("SELECT key, body, checksum FROM record WHERE key BETWEEN ? AND ?")
        try records.bind(keys.lowerBound, at: 1)
        try records.bind(keys.upperBound, at: 2)
        while try records.step() { rows[RowKey(records.integer(0)).sequence] = .record(try records.record()) }
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
        if highest > before.last, index == lives.count - 1 {
            try commit { try beginLife(reason: "the cloud holds \(highest), the store had given \(before.last)") }
        }
        if !conflicts.isEmpty { try move(conflicts, of: index) }
        if highest > before.last { return .storeIsBehind(cloudHolds: highest, storeGave: before.last) }
        if missed > 0 { return .cloudIsBehind(rows: missed) }
        return conflicts.isEmpty ? .settled : .moved(conflicts.count)
    }

    /// A row that the cloud will never take: counted, and no longer in the way.
    package func setAside(life number: Int64, _ sequence: Int64) throws {
        guard let index = lives.firstIndex(where: { $0.number == number }) else { return }
        try commit {
            lives[index].gone.insert(sequence...sequence)
            lives[index].refused += 1
            deliveryIsUnsaved = true
        }
    }

    /// Sequences that should be sent but have no row: a hole says so in their place.
    ///
    /// They were delivered and dropped when old, and a cloud restored from a copy asks for them again; or they were damaged.
    package func declareGone(life number: Int64, _ sequences: ClosedRange<Int64>) throws {
        guard let index = lives.firstIndex(where: { $0.number == number }) else { return }
        let oldest = try oldestReading(inLife: number)
        let isOld = oldest.map { sequences.upperBound < $0.sequence } ?? true
        let at = oldest?.at ?? newestReadings.values.map(\.takenAt).min() ?? Instant(ms: 0)
        try commit {
            let hole = Hole(
                sensor: nil, reason: isOld ? .evictedByAge : .storeRepaired, from: at, to: at, count: Int64(sequences.count), sequences: sequences,
                epoch: lives[index].epoch)
            try insert(.hole(hole))
            lives[index].gone.insert(sequences)
            deliveryIsUnsaved = true
        }
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

    /// Gives rows whose names are taken in the cloud new names, in a new life.
    private func move(_ sequences: [Int64], of index: Int) throws {
        let old = lives[index]
        try commit {
            try beginLife(reason: "\(sequences.count) rows of \(old.epoch) were in conflict")
            for sequence in sequences {
                let key = RowKey(life: old.number, sequence: sequence).value
                let (names, rows) = try rows(key...key)
                switch rows[sequence] {
                case .reading(let place, let reading): try insert([.reading(Taken(sensor: names[place], reading: reading))])
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

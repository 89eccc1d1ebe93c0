internal import Measures
internal import SQLite
package import Wire

/// What the uplink asks of the store.
extension ReadingStore {
    package var allLives: [Life] { lives }

    /// The rows of a life from `first` on, consecutive, at most `limit`; fewer where a row is gone. `nil` without any.
    package func batch(life number: Int64, from first: Int64, through last: Int64, limit: Int) throws -> Batch? {
        guard let life = lives.first(where: { $0.number == number }), first <= last else { return nil }
        let range = (RowKey(life: number, sequence: first).value, RowKey(life: number, sequence: min(last, first + Int64(limit) - 1)).value)
        var rows: [Int64: Batch.Row] = [:]
        var names: [Int64: Int] = [:]  // a sensor's place in the batch by its number here
        var sensors: [SensorName] = []

        var readings = try database.prepare(
            """
            SELECT r.key, r.sensor, s.name, r.taken_at_ms, r.humidity_mpct, r.temperature_mc, r.pressure_pa, r.flags, r.clock, r.boot, r.boottime_ms
            FROM reading r JOIN sensor s ON s.id = r.sensor WHERE r.key BETWEEN ? AND ? ORDER BY r.key
            """)
        try readings.bind(range.0, at: 1)
        try readings.bind(range.1, at: 2)
        while try readings.step() {
            let sensor = readings.integer(1)
            if names[sensor] == nil {
                guard let name = SensorName(readings.text(2)), sensors.count < Batch.sensorLimit else { continue }
                names[sensor] = sensors.count
                sensors.append(name)
            }
            rows[RowKey(readings.integer(0)).sequence] = .reading(sensor: names[sensor] ?? 0, Reading(readings, from: 3))
        }
        var records = try database.prepare("SELECT key, body FROM record WHERE key BETWEEN ? AND ?")
        try records.bind(range.0, at: 1)
        try records.bind(range.1, at: 2)
        while try records.step() { rows[RowKey(records.integer(0)).sequence] = .record(try RecordCoding.record(records.blob(1))) }

        guard let start = rows.keys.min() else { return nil }
        var consecutive: [Batch.Row] = []
        while let row = rows[start + Int64(consecutive.count)] { consecutive.append(row) }
        return Batch(epoch: life.epoch, first: start, sensors: sensors, rows: consecutive)
    }

    /// Takes in what the cloud said of the rows `sent` of a life. It is saved with the next commit.
    package func settle(_ answer: Answer, sent: ClosedRange<Int64>?) throws -> Settlement {
        guard let index = lives.firstIndex(where: { $0.epoch == answer.epoch }) else { return .strangeEpoch }
        let last = lives[index].last
        let highest = max(answer.through, answer.held.map(\.upperBound).max() ?? 0)
        var said = answer.held
        if answer.through > 0 { said.append(1...answer.through) }
        // Beyond the store's own last row the cloud's word is about rows of another copy of this store.
        let isBehind = highest > last
        if isBehind, index == lives.count - 1 {
            try commit { try beginLife(reason: "the cloud holds \(highest), the store had given \(last)") }
        }
        for range in said where range.lowerBound <= last {
            // A copy's rows bear the same names: only those that were sent now have been compared.
            let bounds = isBehind ? sent : 1...last
            guard let bounds, range.lowerBound <= bounds.upperBound, range.upperBound >= bounds.lowerBound else { continue }
            lives[index].held.insert(max(range.lowerBound, bounds.lowerBound)...min(range.upperBound, bounds.upperBound))
            heldIsUnsaved = true
        }
        lives[index].refused += Int64(answer.refused.count)
        let conflicts = answer.conflicts.filter { (1...max(1, last)).contains($0) && last > 0 }
        if !conflicts.isEmpty { try move(conflicts, of: index) }
        if isBehind { return .storeIsBehind(cloudHolds: highest, storeGave: last) }
        return conflicts.isEmpty ? .settled : .moved(conflicts.count)
    }

    package enum Settlement: Sendable, Equatable {
        case settled
        case moved(Int)  // rows in conflict, now at the end of a new life
        case storeIsBehind(cloudHolds: Int64, storeGave: Int64)
        case strangeEpoch
    }

    /// A row that the cloud will never take: counted, and no longer in the way.
    package func setAside(life number: Int64, _ sequence: Int64) throws {
        guard let index = lives.firstIndex(where: { $0.number == number }) else { return }
        lives[index].held.insert(sequence...sequence)
        lives[index].refused += 1
        heldIsUnsaved = true
    }

    /// Writes what the cloud holds though nothing else is written: on stop.
    package func saveHeld() throws {
        if heldIsUnsaved { try commit {} }
    }

    /// Gives rows whose names are taken in the cloud new names, in a new life.
    private func move(_ sequences: [Int64], of index: Int) throws {
        let old = lives[index]
        let keys = sequences.map { RowKey(life: old.number, sequence: $0) }
        try commit {
            try beginLife(reason: "\(keys.count) rows of \(old.epoch) were in conflict")
            let fresh = lives.count - 1
            for key in keys {
                lives[fresh].last += 1
                let new = RowKey(life: lives[fresh].number, sequence: lives[fresh].last)
                for table in ["reading", "record"] {
                    var update = try database.prepare("UPDATE \(table) SET key = ? WHERE key = ?")
                    try update.bind(new.value, at: 1)
                    try update.bind(key.value, at: 2)
                    try update.run()
                }
                lives[index].held.insert(key.sequence...key.sequence)
            }
            heldIsUnsaved = true
        }
    }
}

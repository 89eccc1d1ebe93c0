package import Measures
internal import SQLite
package import Wire

/// The result of applying an answer of the cloud to the store's rows.
package enum Settlement: Sendable, Equatable {
    case settled
    case moved(Int)  // rows in conflict, now at the end of a new life
    case storeIsBehind(cloudHolds: Int64, storeAssigned: Int64)
    case cloudIsBehind(rows: Int64)  // rows that the cloud had acknowledged and has lost; they are sent again
    case unknownEpoch
}

extension LifeTable {
    /// Updates the held ranges from an answer; the next commit saves them.
    ///
    /// Only rows sent in this exchange have been compared by the cloud. Other rows that the cloud holds under the same sequences may come
    /// from another copy of the store.
    /// - Returns: `nil` if the epoch is not in the store; else the life before the update, the highest sequence that the cloud holds, and how
    ///   many rows the cloud has lost.
    mutating func applyHoldings(_ answer: BatchAcknowledgement, sent: ClosedRange<Int64>?) throws -> (before: Life, highest: Int64, lost: Int64)? {
        guard let before = all.first(where: { $0.epoch == answer.epoch }) else { return nil }
        let holdings = answer.holdings
        // A list of the maximum length may be incomplete: it says nothing about the rows after its last range.
        let known = answer.held.count < BatchAcknowledgement.heldLimit ? before.last : min(before.last, answer.held.last?.upperBound ?? 0)
        var lost: Int64 = 0
        try update(answer.epoch) { life in
            if let sent { for range in holdings.held(in: sent) { life.held.insert(range) } }
            life.refused += Int64(answer.refused.count)
            guard known > 0 else { return }
            for held in life.held.held(in: 1...known) {
                for range in holdings.missing(in: held) {
                    life.held.remove(range)
                    lost += Int64(range.count)
                }
            }
        }
        return (before, holdings.ranges.last?.upperBound ?? 0, lost)
    }
}

extension ReadingStore {
    /// Applies the cloud's answer to the rows `sent` of a life.
    package func settle(_ answer: BatchAcknowledgement, sent: ClosedRange<Int64>?) throws -> Settlement {
        guard let (before, highest, lost) = try tables.lives.applyHoldings(answer, sent: sent) else { return .unknownEpoch }
        let isBehind = highest > before.last
        if isBehind, tables.lives.current.epoch == answer.epoch {
            try commit { try $0.begin(reason: "the cloud holds sequence \(highest), the store had assigned \(before.last)") }
        }
        let conflicts = answer.conflicts.filter { sent?.contains($0) == true }
        if !conflicts.isEmpty { try commit { try $0.moveToNewLife(conflicts, of: answer.epoch) } }
        if isBehind { return .storeIsBehind(cloudHolds: highest, storeAssigned: before.last) }
        if lost > 0 { return .cloudIsBehind(rows: lost) }
        return conflicts.isEmpty ? .settled : .moved(conflicts.count)
    }

    /// Marks a row that the cloud refuses as undeliverable and counts the row as refused. The row then no longer blocks the delivery of other rows.
    package func markUndeliverable(_ epoch: Epoch, _ sequence: Int64) throws {
        try commit { tables in
            try tables.lives.update(epoch) { life in
                life.undeliverable.insert(sequence...sequence)
                life.refused += 1
            }
        }
    }

    /// Saves the held ranges without new rows; called when the daemon stops.
    package func saveDelivery() throws {
        if tables.lives.deliveryIsUnsaved { try commit { _ in } }
    }
}

extension StoreTables {
    /// Gives rows new sequences in a new life, because another copy of the store has used their sequences.
    mutating func moveToNewLife(_ sequences: [Int64], of epoch: Epoch) throws {
        let old = try lives.life(epoch)
        try begin(reason: "\(sequences.count) rows of \(old.epoch) were in conflict")
        for sequence in sequences {
            let key = RowKey(life: old.number, sequence: sequence).value
            let (names, rows) = try log.rows(key...key, sensors: sensors)
            switch rows.first?.row {
            case .reading(let sensorIndex, let reading): try log.insert(reading, of: try sensors.id(names[sensorIndex]), key: lives.nextKey())
            case .record(let record): try log.insert(record, key: lives.nextKey())
            case nil: break
            }
            for table in ["reading", "record"] { try database.run("DELETE FROM \(table) WHERE key = ?", key) }
            try lives.update(epoch) { $0.undeliverable.insert(sequence...sequence) }
        }
    }

    /// Adds a hole for sequences that should be sent but have no row: from `first` to the next row, at most to `last`.
    ///
    /// The rows were deleted after delivery because of their age, and a cloud restored from a backup asks for them again; or the rows were
    /// damaged.
    /// - Returns: the sequences that the hole covers.
    @discardableResult
    package mutating func addHoleForMissingRows(_ epoch: Epoch, from first: Int64, through last: Int64) throws -> ClosedRange<Int64>? {
        let number = try lives.life(epoch).number
        let next = try log.nextRow(inLife: number, from: first) ?? (last + 1)
        guard next > first else { return nil }
        let sequences = first...min(last, next - 1)
        let oldest = try log.oldestReading(inLife: number)
        let isOld = oldest.map { sequences.upperBound < $0.sequence } ?? true
        let at = oldest?.at ?? log.newest.values.map(\.takenAt).min() ?? Instant(ms: 0)
        try insert(
            .hole(
                Hole(
                    sensor: nil, reason: isOld ? .evictedByAge : .storeRepaired, from: at, to: at, count: Int64(sequences.count),
                    sequences: sequences, epoch: epoch)))
        try lives.update(epoch) { $0.undeliverable.insert(sequences) }
        return sequences
    }
}

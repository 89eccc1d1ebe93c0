package import Measures
internal import SQLite
package import Wire

/// The sequences of each epoch that are stored, refused or declared lost. The device need not send these rows again.
extension Archive {
    package func heldRanges(_ device: Int64, _ epoch: Epoch) throws -> HeldRanges {
        var select = try database.prepare("SELECT first, last FROM held WHERE device = ? AND epoch = ? ORDER BY first")
        try select.bind(device, at: 1)
        try select.bind(Int64(bitPattern: epoch.bits), at: 2)
        var ranges: [ClosedRange<Int64>] = []
        while try select.step() {
            let (first, last) = (select.integer(0), select.integer(1))
            guard first <= last else {
                throw ArchiveFault.damagedRow("held: epoch \(epoch) of device \(device) has a range from \(first) to \(last)")
            }
            ranges.append(first...last)
        }
        return HeldRanges(ranges)
    }

    /// The held ranges of one epoch before and after a batch. Loaded and saved once per batch, however many records name the epoch.
    struct HeldChange {
        let epoch: Epoch
        let before: HeldRanges
        var after: HeldRanges

        /// Whether the epoch exceeds the limit of separate ranges and has more ranges than before.
        var isOverLimit: Bool { after.ranges.count > max(ArchiveLimits.rangesPerEpoch, before.ranges.count) }
    }

    func heldChange(_ device: Int64, _ epoch: Epoch, adding ranges: [ClosedRange<Int64>]) throws -> HeldChange {
        let before = try heldRanges(device, epoch)
        return HeldChange(epoch: epoch, before: before, after: before.union(HeldRanges(ranges)))
    }

    func save(_ change: HeldChange, _ device: Int64) throws {
        guard change.after != change.before else { return }
        func bind(_ statement: borrowing Statement, _ first: Int64) throws {
            try statement.bind(device, at: 1)
            try statement.bind(Int64(bitPattern: change.epoch.bits), at: 2)
            try statement.bind(first, at: 3)
        }
        let starts = Set(change.after.ranges.map(\.lowerBound))
        var delete = try database.prepare("DELETE FROM held WHERE device = ? AND epoch = ? AND first = ?")
        for range in change.before.ranges where !starts.contains(range.lowerBound) {
            try bind(delete, range.lowerBound)
            try delete.run()
        }
        let unchanged = Set(change.before.ranges)
        var upsert = try database.prepare(
            "INSERT INTO held VALUES (?, ?, ?, ?) ON CONFLICT (device, epoch, first) DO UPDATE SET last = excluded.last")
        for range in change.after.ranges where !unchanged.contains(range) {
            try bind(upsert, range.lowerBound)
            try upsert.bind(range.upperBound, at: 4)
            try upsert.run()
        }
    }

    // MARK: epochs

    /// The epochs that the device has not used before.
    func newEpochs(_ device: Int64, among epochs: some Sequence<Epoch>) throws -> [Epoch] {
        var select = try database.prepare("SELECT 1 FROM epoch WHERE device = ? AND epoch = ?")
        return try epochs.filter { epoch in
            select.reset()
            try select.bind(device, at: 1)
            try select.bind(Int64(bitPattern: epoch.bits), at: 2)
            return try !select.step()
        }
    }

    func rangeCount(_ device: Int64) throws -> Int64 { try integer("SELECT COUNT(*) FROM held WHERE device = ?", device) ?? 0 }

    func epochCount(_ device: Int64) throws -> Int64 { try integer("SELECT COUNT(*) FROM epoch WHERE device = ?", device) ?? 0 }

    func insertEpochs(_ epochs: [Epoch], of device: Int64, now: Instant) throws {
        var insert = try database.prepare("INSERT INTO epoch VALUES (?, ?, ?) ON CONFLICT DO NOTHING")
        for epoch in epochs {
            try insert.bind(device, at: 1)
            try insert.bind(Int64(bitPattern: epoch.bits), at: 2)
            try insert.bind(now.ms, at: 3)
            try insert.run()
        }
    }
}

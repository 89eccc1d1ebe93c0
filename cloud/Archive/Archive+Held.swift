package import Measures
package import Wire

/// The sequences of each epoch that are stored, refused or declared lost. The device need not send these rows again.
extension Archive {
    package func heldRanges(_ device: Int64, _ epoch: Epoch) throws -> HeldRanges {
        var ranges: [ClosedRange<Int64>] = []
        for row in try database.rows(
            "SELECT first, last FROM held WHERE device = ? AND epoch = ? ORDER BY first", device, Int64(bitPattern: epoch.bits))
        {
            let (first, last) = (row.integer(0), row.integer(1))
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
        let epoch = DatabaseValue.integer(Int64(bitPattern: change.epoch.bits))
        let starts = Set(change.after.ranges.map(\.lowerBound))
        let removed = change.before.ranges.filter { !starts.contains($0.lowerBound) }
        try database.changeEach(
            "DELETE FROM held WHERE device = ? AND epoch = ? AND first = ?", removed.map { [.integer(device), epoch, .integer($0.lowerBound)] })
        let unchanged = Set(change.before.ranges)
        let added = change.after.ranges.filter { !unchanged.contains($0) }
        try database.changeEach(
            "INSERT INTO held VALUES (?, ?, ?, ?) ON CONFLICT (device, epoch, first) DO UPDATE SET last = excluded.last",
            added.map { [.integer(device), epoch, .integer($0.lowerBound), .integer($0.upperBound)] })
    }

    // MARK: epochs

    /// The epochs that the device has not used before.
    func newEpochs(_ device: Int64, among epochs: some Sequence<Epoch>) throws -> [Epoch] {
        try epochs.filter { epoch in
            try database.row("SELECT 1 FROM epoch WHERE device = ? AND epoch = ?", device, Int64(bitPattern: epoch.bits)) == nil
        }
    }

    func rangeCount(_ device: Int64) throws -> Int64 { try database.integer("SELECT COUNT(*) FROM held WHERE device = ?", device) ?? 0 }

    func epochCount(_ device: Int64) throws -> Int64 { try database.integer("SELECT COUNT(*) FROM epoch WHERE device = ?", device) ?? 0 }

    func insertEpochs(_ epochs: [Epoch], of device: Int64, now: Instant) throws {
        try database.changeEach(
            "INSERT INTO epoch VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            epochs.map { [.integer(device), .integer(Int64(bitPattern: $0.bits)), .integer(now.ms)] })
    }
}

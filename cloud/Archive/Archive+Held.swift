package import Measures
package import Wire

/// The sequences of each epoch that are stored, refused or declared lost. The device need not send these rows again.
extension Archive {
    package func heldRanges(_ device: Int64, _ epoch: Epoch) throws -> HeldRanges {
        let rows = try database.rows(
            "SELECT first, last FROM held WHERE device = ? AND epoch = ? ORDER BY first", device, Int64(bitPattern: epoch.bits))
        return try Archive.heldRanges(rows, device, epoch)
    }

    /// - Parameter rows: the first and last sequence of each range.
    static func heldRanges(_ rows: [Row], _ device: Int64, _ epoch: Epoch) throws -> HeldRanges {
        HeldRanges(
            try rows.map { row in
                let (first, last) = (row.integer(0), row.integer(1))
                guard first <= last else {
                    throw ArchiveFault.damagedRow("held: epoch \(epoch) of device \(device) has a range from \(first) to \(last)")
                }
                return first...last
            })
    }

    /// The held ranges of one epoch before and after a batch. Computed once per batch, however many records name the epoch.
    struct HeldChange {
        let epoch: Epoch
        let isNew: Bool  // the device has not used the epoch before
        let before: HeldRanges
        var after: HeldRanges

        /// Whether the epoch exceeds the limit of separate ranges and has more ranges than before.
        var isOverLimit: Bool { after.ranges.count > max(ArchiveLimits.rangesPerEpoch, before.ranges.count) }
    }

    func heldChange(_ device: Int64, _ epoch: Epoch, adding ranges: [ClosedRange<Int64>]) throws -> HeldChange {
        let held = try heldEpoch(device, epoch)
        return HeldChange(
            epoch: epoch, isNew: !held.isStored && held.ranges.ranges.isEmpty, before: held.ranges, after: held.ranges.union(HeldRanges(ranges)))
    }

    /// Applies the changes to the device's ledger. `saveHeldRanges` writes them.
    func apply(_ changes: [HeldChange], _ device: Int64, at now: Instant) {
        for change in changes {
            if change.isNew { ledgers[device]?.epochs[change.epoch]?.firstSeenAt = now }
            ledgers[device]?.epochs[change.epoch]?.ranges = change.after
            unsavedEpochs.insert(DeviceEpoch(device: device, epoch: change.epoch))
            if change.isNew { ledgers[device]?.epochCount? += 1 }
            ledgers[device]?.rangeCount? += Int64(change.after.ranges.count - change.before.ranges.count)
        }
    }

    struct DeviceEpoch: Hashable {
        let device: Int64
        let epoch: Epoch
    }

    /// Writes the ranges that the transaction has changed in the ledgers.
    func saveHeldRanges() throws {
        var removed: [[DatabaseValue]] = []
        var added: [[DatabaseValue]] = []
        var new: [[DatabaseValue]] = []
        for key in unsavedEpochs {
            guard let held = ledgers[key.device]?.epochs[key.epoch] else { continue }
            let (device, epoch) = (DatabaseValue.integer(key.device), DatabaseValue.integer(Int64(bitPattern: key.epoch.bits)))
            // The usual case: the only range has grown at its end, so one row changes.
            if held.ranges.ranges.count == 1, held.stored.ranges.count <= 1,
                held.stored.ranges.first?.lowerBound ?? 0 == held.ranges.ranges[0].lowerBound
            {
                added.append([device, epoch, .integer(held.ranges.ranges[0].lowerBound), .integer(held.ranges.ranges[0].upperBound)])
            } else {
                let (starts, unchanged) = (Set(held.ranges.ranges.map(\.lowerBound)), Set(held.stored.ranges))
                removed += held.stored.ranges.filter { !starts.contains($0.lowerBound) }.map { [device, epoch, .integer($0.lowerBound)] }
                added += held.ranges.ranges.filter { !unchanged.contains($0) }.map {
                    [device, epoch, .integer($0.lowerBound), .integer($0.upperBound)]
                }
            }
            if !held.isStored { new.append([device, epoch, .integer(held.firstSeenAt.ms)]) }
            ledgers[key.device]?.epochs[key.epoch]?.stored = held.ranges
            ledgers[key.device]?.epochs[key.epoch]?.isStored = true
        }
        unsavedEpochs = []
        try database.changeEach("DELETE FROM held WHERE device = ? AND epoch = ? AND first = ?", removed)
        try database.changeEach(
            "INSERT INTO held VALUES (?, ?, ?, ?) ON CONFLICT (device, epoch, first) DO UPDATE SET last = excluded.last", added)
        try database.changeEach("INSERT INTO epoch (device, epoch, first_seen_at_ms) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", new)
    }

    // MARK: counts

    /// The number of separate ranges in all epochs of a device.
    func rangeCount(_ device: Int64) throws -> Int64 { try count(\.rangeCount, rowsOf: "held", device) }

    /// The number of epochs that a device has used.
    func epochCount(_ device: Int64) throws -> Int64 { try count(\.epochCount, rowsOf: "epoch", device) }

    /// Counts the device's rows of a table once; `apply` keeps the number up to date.
    private func count(_ known: WritableKeyPath<DeviceLedger, Int64?>, rowsOf table: String, _ device: Int64) throws -> Int64 {
        if let count = ledgers[device]?[keyPath: known] { return count }
        try saveHeldRanges()
        let count = try database.integer("SELECT COUNT(*) FROM \(table) WHERE device = ?", device) ?? 0
        ledgers[device]?[keyPath: known] = count
        return count
    }
}

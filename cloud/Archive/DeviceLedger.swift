internal import Measures
internal import Wire

/// The data for checking a device's batches: the held ranges, the sensor names, and counts against limits.
///
/// Ledgers stay in memory between transactions, because a busy device sends many batches. All ledgers are discarded when another program has written
/// to the archive; with PostgreSQL, before every transaction.
struct DeviceLedger {
    /// The held ranges of one epoch.
    struct HeldEpoch {
        var isStored: Bool  // the table `epoch` has a row for this epoch, or needs none
        var stored: HeldRanges  // the rows of the table `held`
        var ranges: HeldRanges  // the held ranges, with changes of this transaction that are not in the table `held` yet
        var expiredThrough: Int64 = 0  // the highest sequence of a batch that retention has deleted
        var firstSeenAt = Instant(ms: 0)  // when the epoch's first batch arrived; needed until `isStored`
    }

    /// How many amendments of each kind the device has.
    struct AmendmentCounts {
        var corrections: Int64
        var calibrations: Int64
        var renames: Int64
    }

    var day: Int64  // days since 1970, UTC
    var dayBytes: Int64  // stored on this day, as ArchiveLimits counts them
    var names: Set<SensorName> = []
    var epochs: [Epoch: HeldEpoch] = [:]  // the epochs that batches have named since the ledger was read
    var epochCount: Int64?
    var rangeCount: Int64?  // of all epochs
    var amendments: AmendmentCounts?

    func bytes(on day: Int64) -> Int64 { day == self.day ? dayBytes : 0 }

    mutating func add(bytes: Int64, on day: Int64) { (self.day, dayBytes) = (day, self.bytes(on: day) + bytes) }

    /// Whether the ledger stays in memory after the transaction. A ledger with many names, epochs or ranges is discarded; few devices have one.
    var isSmall: Bool { names.count <= 64 && epochs.count <= 8 && epochs.values.allSatisfy { $0.ranges.ranges.count <= 64 } }
}

extension Archive {
    /// The maximum number of ledgers in memory between transactions.
    private static let keptLedgers = 10_000

    /// Reads the ledgers that these submissions need and that are not in memory.
    func readLedgers(for submissions: [Submission]) throws {
        try database.lock(devices: Set(submissions.map(\.device)).sorted())
        let version = try database.cacheVersion()
        if version == nil || version != ledgerVersion { ledgers = [:] }
        ledgerVersion = version
        let devices = Set(submissions.map(\.device)).filter { ledgers[$0] == nil }.sorted().map { [DatabaseValue.integer($0)] }
        let days = try database.rowsEach("SELECT day, day_bytes FROM device_log WHERE device = ?", devices)
        let names = try database.rowsEach("SELECT name FROM sensor_name WHERE device = ?", devices)
        for (index, device) in devices.enumerated() {
            guard case .integer(let device) = device[0] else { continue }
            let day = days[index].first
            ledgers[device] = DeviceLedger(
                day: day?.integer(0) ?? 0, dayBytes: day?.integer(1) ?? 0, names: Set(names[index].compactMap { SensorName($0.text(0)) }))
        }
        try readEpochs(
            submissions.map { submission in
                switch submission {
                case .batch(let arrival): (arrival.device, arrival.frame.epoch)
                case .plain(let arrival): (arrival.device, .server)
                }
            })
    }

    func readEpochs(_ wanted: [(device: Int64, epoch: Epoch)]) throws {
        var missing: [DeviceEpoch] = []
        var seen: Set<DeviceEpoch> = []
        for (device, epoch) in wanted where ledgers[device]?.epochs[epoch] == nil {
            let key = DeviceEpoch(device: device, epoch: epoch)
            if seen.insert(key).inserted { missing.append(key) }
        }
        guard !missing.isEmpty else { return }
        let keys = missing.map { [DatabaseValue.integer($0.device), .integer(Int64(bitPattern: $0.epoch.bits))] }
        let ranges = try database.rowsEach("SELECT first, last FROM held WHERE device = ? AND epoch = ? ORDER BY first", keys)
        let stored = try database.rowsEach("SELECT expired_through FROM epoch WHERE device = ? AND epoch = ?", keys)
        for (index, key) in missing.enumerated() {
            let held = try Archive.heldRanges(ranges[index], key.device, key.epoch)
            // The limit of epochs counts rows of the table `epoch`. The server's epoch (of plain readings) does not count, so it has no row.
            let isStored = key.epoch == .server || !stored[index].isEmpty
            ledgers[key.device]?.epochs[key.epoch] = DeviceLedger.HeldEpoch(
                isStored: isStored, stored: held, ranges: held, expiredThrough: stored[index].first?.integer(0) ?? 0)
        }
    }

    /// - Throws: if `readLedgers` was not called for this device in this transaction.
    func ledger(_ device: Int64) throws -> DeviceLedger {
        guard let ledger = ledgers[device] else { throw ArchiveFault.damagedRow("device \(device): its ledger was not read") }
        return ledger
    }

    func heldEpoch(_ device: Int64, _ epoch: Epoch) throws -> DeviceLedger.HeldEpoch {
        try readEpochs([(device, epoch)])
        return ledgers[device]?.epochs[epoch] ?? DeviceLedger.HeldEpoch(isStored: false, stored: HeldRanges(), ranges: HeldRanges())
    }

    /// Discards large ledgers, and all ledgers if there are too many.
    func discardLargeLedgers(of devices: some Sequence<Int64>) {
        for device in devices where ledgers[device]?.isSmall != true { ledgers[device] = nil }
        if ledgers.count > Archive.keptLedgers { ledgers = [:] }
    }
}

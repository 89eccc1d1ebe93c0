package import Measures
internal import SQLite
internal import Wire

/// The store's tables and their caches. A failed transaction restores the value from before the transaction.
package struct StoreTables {
    let database: Connection
    package internal(set) var lives: LifeTable
    package internal(set) var sensors: SensorTable
    package internal(set) var corrections: Corrections
    package internal(set) var log: LogTable
    var pending: PendingRows  // rows not yet committed
    package internal(set) var observations: ObservationTable
    package internal(set) var forecasts: ForecastTable
    package var scores: ScoreTable
    package let comparisons: ComparisonTable
    package var alarms: AlarmTable
    package let meta: MetaTable
    /// Incremented when observations are deleted or moved. Code that caches sums over observations then computes the sums again.
    package internal(set) var derivedRevision = 0
    /// Sensors registered by this run; registered again after a repair.
    private var registered: [SensorName: SensorRecord] = [:]

    /// Reads the file.
    /// - Parameter before: the tables of the file that was open before; their pending rows stay pending.
    init(_ database: Connection, after before: StoreTables? = nil) throws {
        self.database = database
        lives = try LifeTable(database)
        sensors = try SensorTable(database)
        log = try LogTable(database)
        observations = ObservationTable(database)
        forecasts = ForecastTable(database)
        scores = ScoreTable(database)
        comparisons = ComparisonTable(database)
        alarms = AlarmTable(database)
        meta = MetaTable(database)
        pending = before?.pending ?? PendingRows()
        registered = before?.registered ?? [:]
        derivedRevision = (before?.derivedRevision ?? 0) + 1
        corrections = try CorrectionTable.read(database, log: try log.records() + pending.records)
        for id in sensors.ids.values where !sensors.renamed.contains(id) {
            try log.readNewest(id, corrections, sensors, through: observations.newest(of: id)?.through)
        }
    }

    mutating func clearCaches() {
        derivedRevision += 1
        forecasts.clearThinned()
        scores.clearCache()
    }

    // MARK: rows

    /// Adds a record to the log. Only inside a transaction.
    mutating func insert(_ record: Record) throws { try log.insert(record, key: lives.nextKey()) }

    /// Begins a new epoch for all later rows, pending rows included. Only inside a transaction.
    mutating func begin(reason: String, hasLostCommits: Bool = false) throws {
        try lives.begin(reason: reason, hasLostCommits: hasLostCommits)
        renumberPendingIfNeeded()
    }

    /// Gives pending rows new keys if a new life has begun or the file has been replaced.
    mutating func renumberPendingIfNeeded() {
        guard let assignedKeys = pending.assignedKeys, !lives.all.isEmpty, !lives.resume(after: assignedKeys) else { return }
        pending.renumber(lives.current.epoch) { lives.nextKey() }
    }

    /// See `ReadingStore.enqueue`.
    mutating func enqueue(_ rows: [NewRow]) -> [LoggedReading] {
        renumberPendingIfNeeded()
        var readings: [LoggedReading] = []
        readings.reserveCapacity(rows.count)
        for row in rows {
            switch row {
            case .reading(let sensorReading):
                // The sensor's record could not be stored at registration: enqueue the record before the sensor's first reading.
                if sensors.ids[sensorReading.sensor] == nil, let record = registered[sensorReading.sensor],
                    !pending.hasRecord(of: sensorReading.sensor)
                {
                    pending.add(.record(.sensor(record)), key: lives.nextKey(), lives.current.epoch)
                }
                let key = lives.nextKey()
                pending.add(row, key: key, lives.current.epoch)
                readings.append(
                    LoggedReading(
                        key: key, sensor: sensorReading.sensor, reading: corrections.calibrated(sensorReading.reading, of: sensorReading.sensor)))
            case .record(let record):
                pending.add(row, key: lives.nextKey(), lives.current.epoch)
                corrections.apply(record)
                if case .clockCorrection = record { pending.discardDerived() }
                if case .calibration(let calibration) = record { pending.discardDerived(of: corrections.sensor(of: calibration)) }
            }
        }
        return readings
    }

    /// Stores all pending rows. Only inside a transaction.
    mutating func storePending() throws {
        try storeMissingSensors()
        for discarded in pending.discarded { try insert(discarded) }
        for row in pending.rows {
            switch row.row {
            case .reading(let sensorReading): try log.insert(sensorReading.reading, of: sensors.id(sensorReading.sensor), key: row.key)
            case .record(let record):
                if case .sensor(let sensor) = record { try sensors.upsert(sensor) }
                try CorrectionTable.save(record, in: database)
                try log.insert(record, key: row.key)
            }
        }
        try save(pending.derived)
        for record in pending.records { try deleteDerived(of: record) }
        lives.markRowsStored()
    }

    /// Clears the pending rows. Call after the transaction that stored them is committed.
    mutating func clearPending() {
        for case .reading(let sensorReading) in pending.rows.lazy.map(\.row) {
            guard let id = sensors.ids[sensorReading.sensor] else { continue }
            log.updateNewest(sensorReading.reading, of: id, isGood: corrections.isGood(sensorReading.reading, of: sensorReading.sensor))
        }
        pending = PendingRows()
    }

    /// Stores the records of registered sensors that are missing in the file, because the file may have been replaced since registration. The
    /// pending rows then get new keys, after the keys of these records.
    private mutating func storeMissingSensors() throws {
        var isMissing = false
        for sensor in pending.sensors where sensors.ids[sensor] == nil && !pending.hasRecord(of: sensor) {
            guard let record = registered[sensor] else { continue }
            try register(record)
            isMissing = true
        }
        if isMissing { pending.renumber(lives.current.epoch) { lives.nextKey() } }
    }

    /// Adds a hole for readings that were discarded before their commit. Their sequences will never be sent.
    private mutating func insert(_ discarded: PendingRows.Discarded) throws {
        let sequences = discarded.keys.map { RowKey($0.lowerBound).sequence...RowKey($0.upperBound).sequence }
        let epoch = lives.current.epoch
        try insert(
            .hole(
                Hole(
                    sensor: nil, reason: .evictedBySize, from: discarded.from, to: discarded.to, count: discarded.count, sequences: sequences,
                    epoch: epoch)))
        try lives.update(epoch) { life in
            life.evicted += discarded.count
            if let sequences { life.undeliverable.insert(sequences) }
        }
    }

    /// The newest readings of a sensor, committed or pending, uncalibrated, at corrected times, oldest first.
    package func newestReadings(of sensor: SensorName, limit: Int) throws -> [Reading] {
        let pendingReadings = pending.readings(of: sensor, after: 0).map(\.reading)
        guard let id = sensors.ids[sensor] else { return pendingReadings.suffix(limit) }
        let stored = try log.readings(of: id, "ORDER BY key DESC", limit: max(0, limit - pendingReadings.count), corrections, sensors)
        return (stored.map(\.reading).reversed() + pendingReadings).suffix(limit)
    }

    // MARK: sensors

    /// Whether a sensor's record differs from the stored one. Also remembers the record for this run.
    mutating func rememberAndCompare(_ record: SensorRecord) throws -> Bool {
        registered[record.sensor] = record
        return try sensors.ids[record.sensor].map { try sensors.record(of: $0) != record } ?? true
    }

    /// Stores a sensor's record in the sensor table and in the log. Only inside a transaction.
    mutating func register(_ record: SensorRecord) throws {
        try sensors.upsert(record)
        try insert(.sensor(record))
    }

    /// Registers the sensors of this run that are missing in the file, or whose stored record differs.
    mutating func registerMissingSensors() throws {
        for record in registered.values.sorted(by: { $0.sensor.name < $1.sensor.name }) where try rememberAndCompare(record) { try register(record) }
    }
}

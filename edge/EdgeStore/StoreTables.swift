package import Measures
internal import SQLite
internal import Wire

/// The store's tables with what is kept of them in memory. A transaction that fails puts the value from before it back.
package struct StoreTables {
    let database: Connection
    package internal(set) var lives: LifeTable
    package internal(set) var sensors: SensorTable
    package internal(set) var corrections: Corrections
    package internal(set) var log: LogTable
    var pending: PendingRows  // rows that wait for their commit
    package internal(set) var observations: ObservationTable
    package internal(set) var forecasts: ForecastTable
    package var scores: ScoreTable
    package var alarms: AlarmTable
    package let facts: FactTable
    /// Changes when observations are deleted or moved: sums over them are to be made again.
    package internal(set) var derivedRevision = 0
    /// By this run: known again after a repair.
    private var registered: [SensorName: SensorRecord] = [:]

    /// Reads what the file holds.
    /// - Parameter before: of the file that was open before; its waiting rows wait on.
    init(_ database: Connection, after before: StoreTables? = nil) throws {
        self.database = database
        lives = try LifeTable(database)
        sensors = try SensorTable(database)
        log = try LogTable(database)
        observations = ObservationTable(database)
        forecasts = ForecastTable(database)
        scores = ScoreTable(database)
        alarms = AlarmTable(database)
        facts = FactTable(database)
        pending = before?.pending ?? PendingRows()
        registered = before?.registered ?? [:]
        derivedRevision = (before?.derivedRevision ?? 0) + 1
        corrections = try CorrectionTable.read(database, log: try log.records() + pending.records)
        for id in sensors.ids.values where !sensors.renamed.contains(id) {
            try log.readNewest(id, corrections, sensors, through: observations.newest(of: id)?.through)
        }
    }

    mutating func forgetCaches() {
        derivedRevision += 1
        forecasts.forgetThinned()
        scores.forgetCached()
    }

    // MARK: rows

    /// Adds a record to the log. Only inside a transaction.
    mutating func insert(_ record: Record) throws { try log.insert(record, key: lives.nextKey()) }

    /// From here on rows get a new epoch, those that wait included. Only inside a transaction.
    mutating func begin(reason: String, hasLostCommits: Bool = false) throws {
        try lives.begin(reason: reason, hasLostCommits: hasLostCommits)
        alignPending()
    }

    /// Rows that wait get new keys where a life has begun, or where the file has been replaced.
    mutating func alignPending() {
        guard let given = pending.given, !lives.all.isEmpty, !lives.resume(after: given) else { return }
        pending.renumber(lives.current.epoch) { lives.nextKey() }
    }

    /// See `ReadingStore.enqueue`.
    mutating func enqueue(_ rows: [NewRow]) -> [LoggedReading] {
        alignPending()
        var readings: [LoggedReading] = []
        readings.reserveCapacity(rows.count)
        for row in rows {
            switch row {
            case .reading(let said):
                // A sensor's record that the disk did not take when the sensor was registered goes before its first reading.
                if sensors.ids[said.sensor] == nil, let record = registered[said.sensor], !pending.hasRecord(of: said.sensor) {
                    pending.add(.record(.sensor(record)), key: lives.nextKey(), lives.current.epoch)
                }
                let key = lives.nextKey()
                pending.add(row, key: key, lives.current.epoch)
                readings.append(LoggedReading(key: key, sensor: said.sensor, reading: corrections.calibrated(said.reading, of: said.sensor)))
            case .record(let record):
                pending.add(row, key: lives.nextKey(), lives.current.epoch)
                corrections.apply(record)
                if case .clockCorrection = record { pending.discardDerived() }
                if case .calibration(let calibration) = record { pending.discardDerived(of: corrections.sensor(of: calibration)) }
            }
        }
        return readings
    }

    /// Stores all that waits. Only inside a transaction.
    mutating func storePending() throws {
        try storeMissingSensors()
        for discarded in pending.discarded { try insert(discarded) }
        for row in pending.rows {
            switch row.row {
            case .reading(let said): try log.insert(said.reading, of: sensors.id(said.sensor), key: row.key)
            case .record(let record):
                if case .sensor(let sensor) = record { try sensors.upsert(sensor) }
                try CorrectionTable.save(record, in: database)
                try log.insert(record, key: row.key)
            }
        }
        try save(pending.derived)
        for record in pending.records { try forgetDerived(of: record) }
        lives.rowsAreStored()
    }

    /// The transaction that stored all that waits is committed.
    mutating func pendingIsStored() {
        for case .reading(let said) in pending.rows.lazy.map(\.row) {
            guard let id = sensors.ids[said.sensor] else { continue }
            log.noteNewest(said.reading, of: id, isGood: corrections.isGood(said.reading, of: said.sensor))
        }
        pending = PendingRows()
    }

    /// Records of sensors that the file does not know: it may be another one than when they were registered. Their rows come after them.
    private mutating func storeMissingSensors() throws {
        var isMissing = false
        for sensor in pending.sensors where sensors.ids[sensor] == nil && !pending.hasRecord(of: sensor) {
            guard let record = registered[sensor] else { continue }
            try register(record)
            isMissing = true
        }
        if isMissing { pending.renumber(lives.current.epoch) { lives.nextKey() } }
    }

    /// Readings that were discarded before their commit: a hole says so, and their sequences will never be sent.
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
            if let sequences { life.gone.insert(sequences) }
        }
    }

    /// The newest readings of a sensor, committed or not, uncalibrated, at their true times, oldest first.
    package func newestReadings(of sensor: SensorName, limit: Int) throws -> [Reading] {
        let waiting = pending.readings(of: sensor, after: 0).map(\.reading)
        guard let id = sensors.ids[sensor] else { return waiting.suffix(limit) }
        let stored = try log.readings(of: id, "ORDER BY key DESC", limit: max(0, limit - waiting.count), corrections, sensors)
        return (stored.map(\.reading).reversed() + waiting).suffix(limit)
    }

    // MARK: sensors

    /// Whether a sensor's record is other than the stored one, and remembers the sensor for this run.
    mutating func isNews(_ record: SensorRecord) throws -> Bool {
        registered[record.sensor] = record
        return try sensors.ids[record.sensor].map { try sensors.record(of: $0) != record } ?? true
    }

    /// Stores what a sensor is, in its table and in the log. Only inside a transaction.
    mutating func register(_ record: SensorRecord) throws {
        try sensors.upsert(record)
        try insert(.sensor(record))
    }

    /// Registers this run's sensors where the file does not know them.
    mutating func registerAgain() throws {
        for record in registered.values.sorted(by: { $0.sensor.name < $1.sensor.name }) where try isNews(record) { try register(record) }
    }
}

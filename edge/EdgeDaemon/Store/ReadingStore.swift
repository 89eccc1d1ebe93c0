internal import Glibc
package import Measures
package import Runtime
internal import Observing
internal import Psychrometrics
internal import SQLite
internal import Text
internal import Wire

/// Everything the edge keeps: the log of rows, observations, forecasts, scores, and what the cloud holds.
///
/// One SQLite file, write-ahead log, an fsync at each commit. A row never changes once it has its sequence. A disk that is
/// full, read-only or failing, a file that is damaged, missing or of a newer version: `StoreFile` opens what there is, and
/// `ReadingStore+Repair` goes on from it.
package actor ReadingStore {
    private let executor = BlockingExecutor(label: "reading-store")
    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    var database: Connection
    package nonisolated let path: String
    package nonisolated let host: HostIdentity
    let log: Log
    var refuge: String?  // why rows are kept in memory only; nil: they go to the disk
    var isRepairing = false
    var ruin: (database: Connection, lives: [Life])?  // what was open when its disk went; its rows are taken over when there is one
    var isDistrusted = false  // a write has failed: what the kernel shows of the log may not be on the disk
    var lives: [Life] = []  // oldest first; the last one grows
    var pending = PendingRows(limit: ReadingStore.pendingLimit)
    private static let pendingLimit = 20_000
    private var pendingIsRefused = false  // since the last try to commit
    private var lastKey = RowKey(life: 0, sequence: 0)  // the last one given
    private var lastEpoch = Epoch(bits: 0)  // of that life
    private var late: Set<SensorName> = []  // sensors whose record waits with their readings
    var deliveryIsUnsaved = false  // held and gone: saved with the next commit. Losing them only means sending again
    var sensors: [SensorName: Int64] = [:]
    var registered: [SensorName: SensorRecord] = [:]  // by this run: known again after a repair
    var corrections: [ClockCorrection] = []
    package internal(set) var renames: [SensorRename] = []  // that have been taken, ordered
    /// Of the sensors, by the names that they have now; the notes that they come from are the daemon's, for records leave the log when
    /// they have been delivered.
    package internal(set) var calibrations: [Calibration] = []
    /// Counted once, then kept: a page that asks every two seconds must not scan the log.
    var readingCount: Int64 = 0
    var moulds: [Int64: MouldTracking] = [:]  // how far it has come, by sensor
    var scoreSums: [ScoreSum]?  // nil: read again
    var newestAlarm: Int64 = 0  // the highest number given since the start
    var newestReadings: [Int64: Reading] = [:]  // by sensor
    var goodReadings: [Int64: Reading] = [:]  // by sensor: the newest that passed quality control
    var spells: [Int64: (state: SensorState, since: Instant)] = [:]  // by sensor: since when it has been flat or saturated
    var thinnedThrough: [Int64: Int64] = [:]  // forecasts, by sensor: the highest key looked at

    /// - Parameters:
    ///   - path: the file, or `:memory:`.
    ///   - host: where the store lives; another host means a copied card, and a new epoch.
    package init(path: String, host: HostIdentity, log: Log) async throws {
        self.path = path
        self.host = host
        self.log = log
        Connection.leanMemory()
        database = try StoreFile.memory()
        try open(StoreFile.find(path))
    }

    /// Opens a store to look into it, whether its daemon runs or not. Nothing can be written.
    package init(lookingInto path: String, log: Log) async throws {
        self.path = path
        self.log = log
        host = .current()
        database = try StoreFile.connection(lookingInto: path)
        try readAll()
    }

    isolated deinit {}  // the file is closed on the thread that used it

    package var current: Life { lives[lives.count - 1] }

    /// Takes over what the file holds.
    func readAll() throws {
        try readLives()
        let records = try records()
        let logged = records + pending.rows.compactMap { if case .record(let record) = $0.row { record } else { nil } }
        corrections = logged.compactMap { if case .clockCorrection(let correction) = $0 { correction } else { nil } }
        try readRenames(records)
        try readSensors()
        thinnedThrough = [:]
        scoreSums = nil
        deliveryIsUnsaved = false
    }

    private static let calibrationsThrough = "calibrations_through"

    /// Takes over those calibrations that the log has had already.
    /// - Returns: up to when they were said: the others are to be logged.
    package func know(_ all: [Calibration]) throws -> Instant {
        let through = Instant(ms: try meta(Self.calibrationsThrough).flatMap { Int64($0) } ?? 0)
        calibrations = all.filter { $0.saidAt <= through }.map { renames.renamed($0) }
        return through
    }

    // MARK: the log

    /// Gives rows their keys. From here on they belong to the log; the next commit stores them.
    ///
    /// While the disk takes no rows, they wait in memory up to a limit; beyond it the oldest readings are discarded and counted.
    /// - Returns: the readings among them.
    package func enqueue(_ rows: [NewRow]) -> [LoggedReading] {
        alignKeys()
        var readings: [LoggedReading] = []
        readings.reserveCapacity(rows.count)
        for row in rows {
            switch row {
            case .reading(let said):
                // A sensor's record that the disk did not take when the sensor was opened goes before its first reading.
                if sensors[said.sensor] == nil, let record = registered[said.sensor], late.insert(said.sensor).inserted {
                    pending.add(.record(.sensor(record)), key: nextKey().value)
                }
                let key = nextKey().value
                pending.add(row, key: key)
                readings.append(LoggedReading(key: key, sensor: said.sensor, reading: calibrations.corrected(said.reading, of: said.sensor)))
            case .record(let record):
                pending.add(row, key: nextKey().value)
                apply(record)
            }
        }
        let discarded = pending.discardSurplus()
        if discarded > 0 { log(.error, "readings lost: the store could not be written for too long", ["count": discarded]) }
        return readings
    }

    /// Adds derived rows to the next commit. Rows that are stored already change nothing.
    package func enqueue(_ derived: [DerivedRow]) { for row in derived { pending.add(row) } }

    /// Commits everything that waits; when this returns it is on the disk. After an error it goes on waiting.
    package func commitPending() throws {
        guard !pending.isEmpty else { return }
        pendingIsRefused = true
        do { try commit {} } catch let error where !pending.derived.isEmpty && (error as? SQLiteError)?.isRetryable != true {
            // Readings come first.
            log(.error, "observations and forecasts not stored", ["count": pending.derived.count, "error": "\(error)"])
            pending.discardDerived()
            try commit {}
        }
    }

    package var hasPendingRows: Bool { !pending.isEmpty }
    package var pendingReadings: Int { pending.readingCount }
    /// Readings that are in memory only because the last commit failed.
    package var unstoredReadings: Int { pendingIsRefused ? pending.readingCount : 0 }

    /// What a record changes from now on: the time or the value of readings.
    private func apply(_ record: Record) {
        switch record {
        case .clockCorrection(let correction):
            corrections.append(correction)
            pending.discardDerived()
        case .calibration(let calibration):
            let calibration = renames.renamed(calibration)
            calibrations.append(calibration)
            pending.discardDerived(of: calibration.sensor)
        case .hole, .sensor, .rename: break
        }
    }

    /// The sensor that a calibration is about, by its present name.
    package func series(of calibration: Calibration) -> SensorName { renames.renamed(calibration).sensor }

    /// One transaction: what `body` changes, then all rows that wait. If it fails nothing has changed, and the rows go on waiting.
    /// - Parameter storesPending: `false` for a body that adds no rows and must not fail where rows cannot be stored.
    func commit<Result>(storesPending: Bool = true, _ body: () throws -> Result) throws -> Result {
        try guarded(writes: true) {
            alignKeys()
            let before = (lives: lives, sensors: sensors, pending: pending, lastKey: lastKey)
            do {
                let result = try database.transaction {
                    let result = try body()
                    if storesPending { try storePending() }
                    try saveLives(changedSince: before.lives)
                    return result
                }
                if storesPending { pendingIsStored() }
                return result
            } catch {
                (lives, sensors, pending, lastKey) = before
                throw error
            }
        }
    }

    private func storePending() throws {
        try storeMissingSensors()
        for discarded in pending.discarded { try insert(discarded) }
        var statement = try database.prepare("INSERT INTO reading VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
        var saidAt: Instant?
        for row in pending.rows {
            switch row.row {
            case .reading(let said):
                guard let sensor = sensors[said.sensor] else { throw StoreFault("the sensor \(said.sensor) is not registered") }
                try statement.bindReading(key: row.key, sensor: sensor, said.reading)
                try statement.run()
            case .record(let record):
                if case .sensor(let sensor) = record { try upsert(sensor) }
                if case .calibration(let calibration) = record { saidAt = max(saidAt ?? calibration.saidAt, calibration.saidAt) }
                try insert(record, key: row.key)
            }
        }
        try save(pending.derived)
        for case .record(let record) in pending.rows.lazy.map(\.row) { try forgetDerived(of: record) }
        if let saidAt { try setMeta(Self.calibrationsThrough, String(saidAt.ms)) }
        lives[lives.count - 1].last = lastKey.sequence
    }

    /// Records of sensors that the file does not know: it may be another one than when they were registered. Their rows come after them.
    private func storeMissingSensors() throws {
        var isMissing = false
        for sensor in pending.sensors where sensors[sensor] == nil && !late.contains(sensor) {
            guard let record = registered[sensor] else { continue }
            try upsert(record)
            try insert(.sensor(record))
            isMissing = true
        }
        if isMissing { pending.renumber { nextKey().value } }
    }

    private func pendingIsStored() {
        for case .reading(let said) in pending.rows.lazy.map(\.row) {
            readingCount += 1
            if let id = sensors[said.sensor] { noteNewest(said.reading, of: id, named: said.sensor) }
        }
        pending = PendingRows(limit: Self.pendingLimit)
        (late, pendingIsRefused) = ([], false)
    }

    /// Readings that were discarded before their commit: a hole says so, and their sequences will never be sent.
    private func insert(_ discarded: PendingRows.Discarded) throws {
        let sequences = discarded.keys.map { RowKey($0.lowerBound).sequence...RowKey($0.upperBound).sequence }
        try insert(
            .hole(
                Hole(
                    sensor: nil, reason: .evictedBySize, from: discarded.from, to: discarded.to, count: discarded.count, sequences: sequences,
                    epoch: current.epoch)))
        guard let sequences else { return }
        lives[lives.count - 1].gone.insert(sequences)
        lives[lives.count - 1].evicted += discarded.count
        deliveryIsUnsaved = true
    }

    private func noteNewest(_ reading: Reading, of id: Int64, named name: SensorName) {
        newestReadings[id] = reading
        if case .passed = QualityControl.judge(calibrations.corrected(reading, of: name)) { goodReadings[id] = reading }
    }

    /// Adds a record to the log. Only inside a transaction.
    @discardableResult
    func insert(_ record: Record) throws -> Int64 {
        let key = nextKey().value
        try insert(record, key: key)
        return key
    }

    private func insert(_ record: Record, key: Int64) throws {
        var statement = try database.prepare("INSERT INTO record VALUES (?, ?, ?)")
        try statement.bindRecord(key: key, RecordCoding.bytes(record))
        try statement.run()
    }

    func nextKey() -> RowKey {
        lastKey = RowKey(life: current.number, sequence: max(lastKey.sequence, current.last) + 1)
        return lastKey
    }

    /// Rows that wait get new keys where a new life has begun, or where the store's file has been replaced.
    func alignKeys() {
        guard let current = lives.last else { return }
        let isCurrent = lastKey.life == current.number && lastEpoch == current.epoch && lastKey.sequence >= current.last
        guard !isCurrent else { return }
        (lastKey, lastEpoch) = (RowKey(life: current.number, sequence: current.last), current.epoch)
        pending.renumber { nextKey().value }
    }

    /// `last` follows from the rows; it is written only with other changes, or when rows are deleted: a commit then costs one page.
    private func saveLives(changedSince before: [Life]) throws {
        for (index, life) in lives.enumerated() {
            let old = index < before.count ? before[index] : nil
            if life.evicted != old?.evicted || life.refused != old?.refused || deliveryIsUnsaved { try save(life) }
            guard deliveryIsUnsaved else { continue }
            var upsert = try database.prepare(
                "INSERT INTO delivery VALUES (?, ?, ?) ON CONFLICT (life) DO UPDATE SET body = excluded.body, checksum = excluded.checksum")
            let body = life.deliveryBytes
            try upsert.bind(life.number, at: 1)
            try upsert.bind(body, at: 2)
            try upsert.bind(RowChecksum.of(key: life.number, body: body), at: 3)
            try upsert.run()
        }
        deliveryIsUnsaved = false
    }

    func save(_ life: Life) throws {
        var update = try database.prepare("UPDATE life SET last = ?, evicted = ?, refused = ?, checksum = ? WHERE number = ?")
        let checksum = RowChecksum.of(life: life.number, epoch: life.epoch.description, last: life.last)
        for (place, value) in [life.last, life.evicted, life.refused, checksum, life.number].enumerated() {
            try update.bind(value, at: Int32(place + 1))
        }
        try update.run()
    }
}

extension Statement {
    mutating func bindReading(key: Int64, sensor: Int64, _ reading: Reading) throws(SQLiteError) {
        try bind(key, at: 1)
        try bind(sensor, at: 2)
        try bind(reading.takenAt.ms, at: 3)
        try bind(reading.humidityMpct, at: 4)
        try bind(reading.temperatureMc, at: 5)
        try bind(reading.pressurePa, at: 6)
        try bind(Int64(reading.flags.rawValue), at: 7)
        try bind(Int64(reading.clock.rawValue), at: 8)
        try bind(Int64(reading.boot), at: 9)
        try bind(reading.boottimeMs, at: 10)
        try bind(RowChecksum.of(key: key, sensor: sensor, reading), at: 11)
    }

    mutating func bindRecord(key: Int64, _ body: [UInt8]) throws(SQLiteError) {
        try bind(key, at: 1)
        try bind(body, at: 2)
        try bind(RowChecksum.of(key: key, body: body), at: 3)
    }
}

/// The store cannot be used as it is.
package struct StoreFault: Error, CustomStringConvertible {
    package let description: String
    init(_ description: String) { self.description = description }
}

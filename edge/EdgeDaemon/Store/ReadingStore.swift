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
        corrections = records.compactMap { if case .clockCorrection(let correction) = $0 { correction } else { nil } }
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

    /// A reading and the sensor that gave it.
    package struct Taken: Sendable {
        package let sensor: SensorName
        package let reading: Reading
        package init(sensor: SensorName, reading: Reading) {
            self.sensor = sensor
            self.reading = reading
        }
    }

    package enum NewRow: Sendable {
        case reading(Taken)
        case record(Record)
    }

    /// Commits rows under the next sequences, and what the grid has made of them; when this returns they are on the disk.
    /// - Returns: the key of each row, in order.
    @discardableResult
    package func append(_ rows: [NewRow], outcomes: [Outcome] = []) throws -> [Int64] {
        let keys = try commit {
            let keys = try insert(rows)
            try save(outcomes, after: keys)
            for case .record(let record) in rows { try forgetOutcomes(of: record) }
            let saidAt = rows.compactMap { if case .record(.calibration(let calibration)) = $0 { calibration.saidAt } else { nil } }.max()
            if let saidAt { try setMeta(Self.calibrationsThrough, String(saidAt.ms)) }
            return keys
        }
        for row in rows {
            switch row {
            case .reading(let taken):
                readingCount += 1
                if let id = sensors[taken.sensor] { noteNewest(taken.reading, of: id, named: taken.sensor) }
            case .record(.clockCorrection(let correction)): corrections.append(correction)
            case .record(.calibration(let calibration)): calibrations.append(renames.renamed(calibration))
            case .record: break
            }
        }
        return keys
    }

    private func noteNewest(_ reading: Reading, of id: Int64, named name: SensorName) {
        newestReadings[id] = reading
        if case .passed = QualityControl.judge(calibrations.corrected(reading, of: name)) { goodReadings[id] = reading }
    }

    @discardableResult
    func insert(_ rows: [NewRow]) throws -> [Int64] {
        guard !rows.isEmpty else { return [] }
        var insert = try database.prepare("INSERT INTO reading VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
        return try rows.map { row in
            switch row {
            case .record(let record): return try self.insert(record)
            case .reading(let taken):
                let sensor = try id(of: taken.sensor)
                let key = nextKey().value
                try insert.bindReading(key: key, sensor: sensor, taken.reading)
                try insert.run()
                return key
            }
        }
    }

    @discardableResult
    func insert(_ record: Record) throws -> Int64 {
        let key = nextKey().value
        var statement = try database.prepare("INSERT INTO record VALUES (?, ?, ?)")
        try statement.bindRecord(key: key, RecordCoding.bytes(record))
        try statement.run()
        return key
    }

    /// One transaction that gives out sequences; what it gave is taken back when it fails.
    func commit<Result>(_ body: () throws -> Result) throws -> Result {
        try guarded(writes: true) {
            let before = (lives: lives, sensors: sensors)
            do {
                return try database.transaction {
                    let result = try body()
                    try saveLives(changedSince: before.lives)
                    return result
                }
            } catch {
                (lives, sensors) = before
                throw error
            }
        }
    }

    private func nextKey() -> RowKey {
        lives[lives.count - 1].last += 1
        return RowKey(life: current.number, sequence: current.last)
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

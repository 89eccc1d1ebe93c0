internal import Glibc
package import Measures
package import Runtime
internal import SQLite
internal import Text
package import Wire

/// Everything the edge keeps: the log of rows, observations, forecasts, scores, and what the cloud holds.
///
/// One SQLite file, write-ahead log, an fsync at each commit. A row never changes once it has its sequence.
package actor ReadingStore {
    private let executor = BlockingExecutor(label: "reading-store")
    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    let database: Connection
    package nonisolated let path: String
    let log: Log
    var lives: [Life] = []  // oldest first; the last one grows
    var boot: UInt32 = 0
    var heldIsUnsaved = false  // saved with the next commit: losing it only means sending again
    private var sensors: [SensorName: Int64] = [:]
    /// Counted once, then kept: a page that asks every two seconds must not scan the log.
    var readingCount: Int64 = 0
    var newestReadings: [Int64: Reading] = [:]  // by sensor

    /// One life of this store, and what the cloud holds of it.
    package struct Life: Sendable, Equatable {
        package let number: Int64
        package let epoch: Epoch
        package var last: Int64
        package var held: HeldRanges
        package var evicted: Int64
        package var refused: Int64

        package var backlog: Int64 {
            last - held.ranges.reduce(0) { $0 + (min($1.upperBound, last) - min($1.lowerBound - 1, last)) }
        }
    }

    /// - Parameters:
    ///   - path: the file, or `:memory:`.
    ///   - host: where the store lives; another host means a copied card, and a new epoch.
    package init(path: String, host: HostIdentity, log: Log) async throws {
        self.path = path
        self.log = log
        Connection.leanMemory()
        database = try Connection(path: path)
        try database.makeDurable()
        try prepareSchema()
        boot = try number(ofBoot: host.bootID)
        try readLives()
        let known = try text("SELECT value FROM meta WHERE name = 'fingerprint'")
        if lives.isEmpty {
            try database.transaction { try beginLife(reason: "the store was made") }
        } else if known != host.fingerprint {
            try database.transaction { try beginLife(reason: "the store was found on another host") }
            log(.warning, "store found on another host: new epoch", ["epoch": lives[lives.count - 1].epoch])
        }
        try setMeta("fingerprint", host.fingerprint)
        try readSensors()
    }

    /// Opens a store to look into it, whether its daemon runs or not. Nothing can be written.
    package init(lookingInto path: String, log: Log) async throws {
        self.path = path
        self.log = log
        database = try ReadingStore.connection(lookingInto: path)
        try readLives()
        try readSensors()
    }

    private static func connection(lookingInto path: String) throws -> Connection {
        guard Files.exists(path) else { throw StoreFault("there is no store at \(path): is VAHO_STATE_DIR that of the daemon?") }
        let database = try Connection(path: path, access: .readOnly)
        guard try database.integer("PRAGMA user_version") == StoreSchema.version else {
            throw StoreFault("\(path) is not a store of this version of vaho-edge")
        }
        return database
    }

    isolated deinit {}  // the file is closed on the thread that used it

    package var current: Life { lives[lives.count - 1] }

    // MARK: the log

    /// A reading and the sensor that gave it.
    package struct Taken: Sendable {
        package let sensor: Int64
        package let reading: Reading
        package init(sensor: Int64, reading: Reading) {
            self.sensor = sensor
            self.reading = reading
        }
    }

    /// Commits them under the next sequences; when this returns they are on the disk.
    /// - Returns: the key of each, in order.
    @discardableResult
    package func append(_ readings: [Taken]) throws -> [Int64] {
        let keys = try commit {
            var insert = try database.prepare("INSERT INTO reading VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
            return try readings.map { taken in
                let key = nextKey()
                let reading = taken.reading
                try insert.bind(key.value, at: 1)
                try insert.bind(taken.sensor, at: 2)
                try insert.bind(reading.takenAt.ms, at: 3)
                try insert.bind(reading.humidityMpct, at: 4)
                try insert.bind(reading.temperatureMc, at: 5)
                try insert.bind(reading.pressurePa, at: 6)
                try insert.bind(Int64(reading.flags.rawValue), at: 7)
                try insert.bind(Int64(reading.clock.rawValue), at: 8)
                try insert.bind(Int64(reading.boot), at: 9)
                try insert.bind(reading.boottimeMs, at: 10)
                try insert.run()
                return key.value
            }
        }
        readingCount += Int64(keys.count)
        for taken in readings where taken.reading.humidityMpct != nil { newestReadings[taken.sensor] = taken.reading }
        return keys
    }

    package func append(_ record: Record) throws {
        try commit { try insert(record) }
    }

    func insert(_ record: Record) throws {
        var statement = try database.prepare("INSERT INTO record VALUES (?, ?)")
        try statement.bind(nextKey().value, at: 1)
        try statement.bind(RecordCoding.bytes(record), at: 2)
        try statement.run()
    }

    /// One transaction that gives out sequences; what it gave is taken back when it fails.
    func commit<Result>(_ body: () throws -> Result) throws -> Result {
        let before = lives
        do {
            return try database.transaction {
                let result = try body()
                try saveLives(changedSince: before)
                return result
            }
        } catch {
            lives = before
            throw error
        }
    }

    private func nextKey() -> RowKey {
        lives[lives.count - 1].last += 1
        return RowKey(life: current.number, sequence: current.last)
    }

    private func saveLives(changedSince before: [Life]) throws {
        for (index, life) in lives.enumerated() where index >= before.count || before[index] != life || heldIsUnsaved {
            var update = try database.prepare("UPDATE life SET last = ?, evicted = ?, refused = ? WHERE number = ?")
            try update.bind(life.last, at: 1)
            try update.bind(life.evicted, at: 2)
            try update.bind(life.refused, at: 3)
            try update.bind(life.number, at: 4)
            try update.run()
            guard heldIsUnsaved else { continue }
            var delete = try database.prepare("DELETE FROM held WHERE life = ?")
            try delete.bind(life.number, at: 1)
            try delete.run()
            var insert = try database.prepare("INSERT INTO held VALUES (?, ?, ?)")
            for range in life.held.ranges {
                try insert.bind(life.number, at: 1)
                try insert.bind(range.lowerBound, at: 2)
                try insert.bind(range.upperBound, at: 3)
                try insert.run()
            }
        }
        heldIsUnsaved = false
    }

    // MARK: lives

    /// From here on rows get a new epoch. Only inside a transaction.
    func beginLife(reason: String) throws {
        let epoch = Epoch(bits: UInt64.random(in: 1...(.max)))
        let number = (lives.last?.number ?? 0) + 1
        var insert = try database.prepare("INSERT INTO life (number, epoch, began_at_ms, reason) VALUES (?, ?, ?, ?)")
        try insert.bind(number, at: 1)
        try insert.bind(Int64(bitPattern: epoch.bits), at: 2)
        try insert.bind(LabelClock.wallClock.ms, at: 3)
        try insert.bind(reason, at: 4)
        try insert.run()
        lives.append(Life(number: number, epoch: epoch, last: 0, held: HeldRanges(), evicted: 0, refused: 0))
    }

    private func readLives() throws {
        var statement = try database.prepare("SELECT number, epoch, last, evicted, refused FROM life ORDER BY number")
        while try statement.step() {
            lives.append(
                Life(
                    number: statement.integer(0), epoch: Epoch(bits: UInt64(bitPattern: statement.integer(1))), last: statement.integer(2),
                    held: HeldRanges(), evicted: statement.integer(3), refused: statement.integer(4)))
        }
        var held = try database.prepare("SELECT life, first, last FROM held")
        while try held.step() {
            guard let index = lives.firstIndex(where: { $0.number == held.integer(0) }), held.integer(1) <= held.integer(2) else { continue }
            lives[index].held.insert(held.integer(1)...held.integer(2))
        }
    }

    // MARK: sensors

    private func readSensors() throws {
        var statement = try database.prepare("SELECT name, id FROM sensor")
        while try statement.step() { if let name = SensorName(statement.text(0)) { sensors[name] = statement.integer(1) } }
        readingCount = try database.integer("SELECT COUNT(*) FROM reading") ?? 0
        for id in sensors.values { newestReadings[id] = try newestReading(sensor: id) }
    }

    package func sensor(named name: SensorName) -> Int64? { sensors[name] }

    /// The sensor's number here. A record that differs from the last one goes into the log.
    package func register(_ record: SensorRecord) throws -> Int64 {
        let body = RecordCoding.bytes(.sensor(record))
        if let id = sensors[record.sensor] {
            var statement = try database.prepare("SELECT record FROM sensor WHERE id = ?")
            try statement.bind(id, at: 1)
            guard try statement.step(), statement.blob(0) != body else { return id }
        }
        let id = try commit {
            var upsert = try database.prepare(
                "INSERT INTO sensor (name, record) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET record = excluded.record RETURNING id")
            try upsert.bind(record.sensor.name, at: 1)
            try upsert.bind(body, at: 2)
            guard try upsert.step() else { throw StoreFault("the sensor \(record.sensor) could not be registered") }
            let id = upsert.integer(0)
            upsert.reset()
            try insert(.sensor(record))
            return id
        }
        sensors[record.sensor] = id
        return id
    }

    package func setState(_ state: String, ofSensor id: Int64) throws {
        var update = try database.prepare("UPDATE sensor SET state = ? WHERE id = ?")
        try update.bind(state, at: 1)
        try update.bind(id, at: 2)
        try update.run()
    }

    // MARK: meta

    package func meta(_ name: String) throws -> String? {
        var statement = try database.prepare("SELECT value FROM meta WHERE name = ?")
        try statement.bind(name, at: 1)
        return try statement.step() ? statement.text(0) : nil
    }

    package func setMeta(_ name: String, _ value: String) throws {
        if try meta(name) == value { return }
        var upsert = try database.prepare("INSERT INTO meta VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value")
        try upsert.bind(name, at: 1)
        try upsert.bind(value, at: 2)
        try upsert.run()
    }

    private func prepareSchema() throws {
        switch try database.integer("PRAGMA user_version") ?? 0 {
        case 0:
            try database.transaction {
                try database.execute(StoreSchema.sql)
                try database.execute("PRAGMA application_id = \(StoreSchema.applicationID); PRAGMA user_version = \(StoreSchema.version)")
            }
        case StoreSchema.version: break
        case let version:
            throw StoreFault(
                "\(path) was written by a newer vaho-edge (schema \(version), this program knows \(StoreSchema.version)): update the program")
        }
    }

    private func number(ofBoot kernelID: String) throws -> UInt32 {
        var insert = try database.prepare("INSERT INTO boot (kernel_id) VALUES (?) ON CONFLICT (kernel_id) DO NOTHING")
        try insert.bind(kernelID, at: 1)
        try insert.run()
        var select = try database.prepare("SELECT number FROM boot WHERE kernel_id = ?")
        try select.bind(kernelID, at: 1)
        return try select.step() ? UInt32(truncatingIfNeeded: select.integer(0)) : 0
    }

    private func text(_ sql: String) throws -> String? {
        var statement = try database.prepare(sql)
        return try statement.step() ? statement.text(0) : nil
    }
}

/// The store cannot be used as it is.
package struct StoreFault: Error, CustomStringConvertible {
    package let description: String
    init(_ description: String) { self.description = description }
}

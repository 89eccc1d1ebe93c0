package import Measures
package import Runtime
internal import SQLite
package import Wire

/// Everything the edge keeps: the log of rows, what the cloud holds of it, what is derived from it, alarms that wait.
///
/// One SQLite file, write-ahead log, an fsync at each commit. A row never changes once it is committed. A disk that is full, read-only or
/// failing, a file that is damaged, missing or of a newer version: `StoreFile` opens what there is, and `ReadingStore+Repair` goes on
/// from it.
package actor ReadingStore {
    private let executor = BlockingExecutor(label: "reading-store")
    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    package nonisolated let path: String
    package nonisolated let host: HostIdentity
    let log: Log
    var tables: StoreTables
    var memoryOnly: String?  // why rows are kept in memory only; nil: they go to the disk
    var isRepairing = false
    var detached: StoreTables?  // what was open when its disk went; its rows are taken over when there is a disk again
    /// A write has failed: what the kernel shows of the write-ahead log may not be on the disk.
    var walIsSuspect = false
    private var lastCommitFailed = false

    /// - Parameters:
    ///   - path: the file, or `:memory:`.
    ///   - host: where the store lives; another host means a copied card, and a new epoch.
    package init(path: String, host: HostIdentity, log: Log) async throws {
        self.path = path
        self.host = host
        self.log = log
        Connection.leanMemory()
        tables = try StoreTables(StoreFile.memory())
        try open(StoreFile.find(path))
    }

    /// Opens a store to look into it, whether its daemon runs or not. Nothing can be written.
    package init(lookingInto path: String, log: Log) async throws {
        self.path = path
        self.log = log
        host = .current()
        tables = try StoreTables(StoreFile.connection(lookingInto: path))
    }

    isolated deinit {}  // the file is closed on the thread that used it

    var database: Connection { tables.database }

    /// Takes over what a file holds.
    func use(_ database: Connection) throws { tables = try StoreTables(database, after: tables) }

    // MARK: reading and writing

    /// Looks into the tables.
    package func read<Result: Sendable>(_ body: @Sendable (inout StoreTables) throws -> Result) throws -> Result {
        try guarded { try body(&tables) }
    }

    /// Changes the tables, in one transaction with all rows that wait.
    package func write<Result: Sendable>(_ body: @Sendable (inout StoreTables) throws -> Result) throws -> Result { try commit(body) }

    /// One transaction: what `body` changes, then all rows that wait. If it fails nothing has changed, and the rows go on waiting.
    /// - Parameter storesPending: `false` for a body that adds no rows and must not fail where rows cannot be stored.
    func commit<Result>(storesPending: Bool = true, _ body: (inout StoreTables) throws -> Result) throws -> Result {
        try guarded(writes: true) {
            tables.alignPending()
            let before = tables
            do {
                let result = try database.transaction {
                    let result = try body(&tables)
                    if storesPending { try tables.storePending() }
                    try tables.lives.save()
                    return result
                }
                if storesPending {
                    tables.pendingIsStored()
                    lastCommitFailed = false
                }
                return result
            } catch {
                tables = before
                throw error
            }
        }
    }

    // MARK: the log

    /// Gives rows their keys. From here on they belong to the log; the next commit stores them.
    ///
    /// While the disk takes no rows, they wait in memory up to a limit; beyond it the oldest readings are discarded and counted.
    /// - Returns: the readings among them.
    package func enqueue(_ rows: [NewRow]) -> [LoggedReading] {
        let readings = tables.enqueue(rows)
        let discarded = tables.pending.discardSurplus()
        if discarded > 0 { log(.error, "readings lost: the store could not be written for too long", ["count": discarded]) }
        return readings
    }

    /// Adds derived rows to the next commit. Rows that are stored already change nothing.
    package func enqueue(_ derived: [DerivedRow]) { for row in derived { tables.pending.add(row) } }

    /// Commits everything that waits; when this returns it is on the disk. After an error it goes on waiting.
    package func commitPending() throws {
        guard !tables.pending.isEmpty else { return }
        lastCommitFailed = true
        do { try commit { _ in } } catch let error where !tables.pending.derived.isEmpty && (error as? SQLiteError)?.isRetryable != true {
            // Readings come first.
            log(.error, "observations and forecasts not stored", ["count": tables.pending.derived.count, "error": "\(error)"])
            tables.pending.discardDerived()
            try commit { _ in }
        }
    }

    package var hasPendingRows: Bool { !tables.pending.isEmpty }
    package var pendingReadings: Int { tables.pending.readingCount }

    /// The newest readings of a sensor, committed or not, as the sensor said them, oldest first.
    package func rawReadings(of sensor: SensorName, limit: Int) throws -> [Reading] {
        try read { try $0.newestReadings(of: sensor, limit: limit) }
    }

    /// The first readings of a sensor after a key, committed or not, at their true times, calibrated, oldest first.
    package func log(of sensor: SensorName, after key: Int64, limit: Int) throws -> [LoggedReading] {
        try read { tables in
            let corrections = tables.corrections
            var found: [(key: Int64, reading: Reading)] = []
            if let id = tables.sensors.ids[sensor] {
                found = try tables.log.readings(of: id, "AND key > \(key) ORDER BY key", limit: limit, corrections, tables.sensors)
            }
            if found.count < limit {
                found += tables.pending.readings(of: sensor, after: key).prefix(limit - found.count).map {
                    ($0.key, corrections.atTrueTime($0.reading))
                }
            }
            return found.map { LoggedReading(key: $0.key, sensor: sensor, reading: corrections.calibrated($0.reading, of: sensor)) }
        }
    }

    /// The newest reading of this start of the host: where its clock stood.
    package func newestReading(ofBoot boot: UInt32) throws -> Reading? {
        try read { tables in
            guard let newest = try tables.log.newestReading(), newest.boot == boot, newest.hasHostClock else { return nil }
            return tables.corrections.atTrueTime(newest)
        }
    }

    /// The rows of a life from `first` on, consecutive, at most `limit`; fewer where a row is gone. `nil` without any.
    package func batch(of epoch: Epoch, from first: Int64, through last: Int64, limit: Int) throws -> Batch? {
        guard first <= last else { return nil }
        return try read { tables in
            let life = try tables.lives.life(epoch)
            let keys = RowKey.values(life: life.number, first...min(last, first + Int64(limit) - 1))
            let (sensors, rows) = try tables.log.rows(keys, sensors: tables.sensors)
            guard let start = rows.first?.sequence else { return nil }
            var consecutive: [Batch.Row] = []
            consecutive.reserveCapacity(rows.count)
            for row in rows {
                guard row.sequence == start + Int64(consecutive.count) else { break }
                consecutive.append(row.row)
            }
            return Batch(epoch: life.epoch, first: start, sensors: sensors, rows: consecutive)
        }
    }

    // MARK: what it is

    package var lives: [Life] { tables.lives.all }
    package var current: Life { tables.lives.current }
    package var corrections: Corrections { tables.corrections }

    package func counts() throws -> StoreCounts {
        var counts = try tables.counts()
        counts.memoryOnly = memoryOnly
        if lastCommitFailed { counts.unstored = tables.pending.readingCount }
        return counts
    }

    /// A record of a sensor that differs from the last one goes into the log.
    package func register(_ record: SensorRecord) throws {
        if try tables.isNews(record) { try commit { try $0.register(record) } }
    }
}

/// The store cannot be used as it is.
package struct StoreFault: Error, CustomStringConvertible {
    package let description: String
    package init(_ description: String) { self.description = description }
}

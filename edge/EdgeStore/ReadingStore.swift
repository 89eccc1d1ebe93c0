package import Measures
package import Runtime
internal import SQLite
package import Wire

/// The edge's persistent state: the log of rows, the ranges of rows that the cloud holds, the rows derived from readings, and undelivered
/// alarms.
///
/// One SQLite file with a write-ahead log and one fsync per commit. A committed row never changes. If the disk is full, read-only or failing,
/// or the file is damaged, missing or written by a newer version, `StoreFile` opens the file and `ReadingStore+Repair` recovers from it.
package actor ReadingStore {
    private let executor = BlockingExecutor(label: "reading-store")
    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    package nonisolated let path: String
    package nonisolated let host: HostIdentity
    let log: Log
    var tables: StoreTables
    var memoryOnly: String?  // why rows are kept in memory only; nil: rows are written to the disk
    var isRepairing = false
    var detached: StoreTables?  // tables that were open when the disk disappeared; merged when a disk is available again
    /// A write has failed: the kernel's copy of the write-ahead log may differ from the disk.
    var walIsSuspect = false
    private var lastCommitFailed = false

    /// - Parameters:
    ///   - path: the file, or `:memory:`.
    ///   - host: the current machine. If the store was last used on another machine (a copied card), a new epoch begins.
    package init(path: String, host: HostIdentity, log: Log) async throws {
        self.path = path
        self.host = host
        self.log = log
        Connection.disableMemoryStatistics()
        tables = try StoreTables(StoreFile.memory())
        try open(StoreFile.find(path))
    }

    /// Opens a store read-only, whether its daemon runs or not.
    package init(readOnlyPath path: String, log: Log) async throws {
        self.path = path
        self.log = log
        host = .current()
        tables = try StoreTables(StoreFile.connection(readOnlyPath: path))
    }

    isolated deinit {}  // isolated: SQLite closes the file on the thread that used the file

    var database: Connection { tables.database }

    /// Reads the tables of another connection and uses them instead of the current tables. Pending rows stay pending.
    func replaceTables(_ database: Connection) throws { tables = try StoreTables(database, after: tables) }

    // MARK: reading and writing

    /// Runs `body` on the tables, without a transaction.
    package func read<Result: Sendable>(_ body: @Sendable (inout StoreTables) throws -> Result) throws -> Result {
        try withRepair { try body(&tables) }
    }

    /// Runs `body` and stores all pending rows in one transaction.
    package func write<Result: Sendable>(_ body: @Sendable (inout StoreTables) throws -> Result) throws -> Result { try commit(body) }

    /// Runs `body` and then stores all pending rows, in one transaction. If the transaction fails, nothing changes and the rows stay pending.
    /// - Parameter storesPending: `false` for a body that adds no rows and must succeed even if rows cannot be stored.
    func commit<Result>(storesPending: Bool = true, _ body: (inout StoreTables) throws -> Result) throws -> Result {
        try withRepair(writes: true) {
            tables.renumberPendingIfNeeded()
            let before = tables
            do {
                let result = try database.transaction {
                    let result = try body(&tables)
                    if storesPending { try tables.storePending() }
                    try tables.lives.save()
                    return result
                }
                if storesPending {
                    tables.clearPending()
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

    /// Assigns keys to rows and adds the rows to the log. The next commit stores the rows.
    ///
    /// While the disk accepts no rows, rows stay pending in memory up to a limit. Beyond the limit the oldest readings are discarded and
    /// counted.
    /// - Returns: the readings among the rows.
    package func enqueue(_ rows: [NewRow]) -> [LoggedReading] {
        let readings = tables.enqueue(rows)
        let discarded = tables.pending.discardBeyondLimit()
        if discarded > 0 { log(.error, "readings lost: the store could not be written for too long", ["count": discarded]) }
        return readings
    }

    /// Adds derived rows to the next commit. A row that is already stored is ignored.
    package func enqueue(_ derived: [DerivedRow]) { for row in derived { tables.pending.add(row) } }

    /// Commits all pending rows; on return the rows are on the disk. After an error the rows stay pending.
    package func commitPending() throws {
        guard !tables.pending.isEmpty else { return }
        lastCommitFailed = true
        do { try commit { _ in } } catch let error where !tables.pending.derived.isEmpty && (error as? SQLiteError)?.isRetryable != true {
            // Readings matter more than derived rows: discard the derived rows and commit again.
            log(.error, "observations and forecasts not stored", ["count": tables.pending.derived.count, "error": "\(error)"])
            tables.pending.discardDerived()
            try commit { _ in }
        }
    }

    package var hasPendingRows: Bool { !tables.pending.isEmpty }
    package var pendingReadings: Int { tables.pending.readingCount }

    /// The newest readings of a sensor, committed or pending, uncalibrated, oldest first.
    package func rawReadings(of sensor: SensorName, limit: Int) throws -> [Reading] {
        try read { try $0.newestReadings(of: sensor, limit: limit) }
    }

    /// The first readings of a sensor after a key, committed or pending, at corrected times, calibrated, oldest first.
    package func log(of sensor: SensorName, after key: Int64, limit: Int) throws -> [LoggedReading] {
        try read { tables in
            let corrections = tables.corrections
            var found: [(key: Int64, reading: Reading)] = []
            if let id = tables.sensors.ids[sensor] {
                found = try tables.log.readings(of: id, "AND key > \(key) ORDER BY key", limit: limit, corrections, tables.sensors)
            }
            if found.count < limit {
                found += tables.pending.readings(of: sensor, after: key).prefix(limit - found.count).map {
                    ($0.key, corrections.withCorrectedTime($0.reading))
                }
            }
            return found.map { LoggedReading(key: $0.key, sensor: sensor, reading: corrections.calibrated($0.reading, of: sensor)) }
        }
    }

    /// The newest reading in the log if the reading is from boot `boot` and its time is from the host's clock, else `nil`.
    package func newestReading(ofBoot boot: UInt32) throws -> Reading? {
        try read { tables in
            guard let newest = try tables.log.newestReading(), newest.boot == boot, newest.hasHostClock else { return nil }
            return tables.corrections.withCorrectedTime(newest)
        }
    }

    /// At most `limit` consecutive rows of a life, from the first row at or after `first`. The rows end at a missing sequence. `nil` if there
    /// are no rows.
    package func batch(of epoch: Epoch, from first: Int64, through last: Int64, limit: Int) throws -> Batch? {
        guard first <= last else { return nil }
        return try read { tables in
            let life = try tables.lives.life(epoch)
            let keys = RowKey.keys(life: life.number, first...min(last, first + Int64(limit) - 1))
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

    // MARK: state

    package var lives: [Life] { tables.lives.all }
    package var current: Life { tables.lives.current }
    package var corrections: Corrections { tables.corrections }

    package func counts() throws -> StoreCounts {
        var counts = try tables.counts()
        counts.memoryOnly = memoryOnly
        if lastCommitFailed { counts.unstored = tables.pending.readingCount }
        return counts
    }

    /// Adds a sensor's record to the sensor table and to the log, if the record differs from the stored record.
    package func register(_ record: SensorRecord) throws {
        if try tables.rememberAndCompare(record) { try commit { try $0.register(record) } }
    }
}

internal import Measures
internal import Runtime
internal import SQLite

/// The cloud's store: devices, the log of batches and what is derived from it, releases and runs.
///
/// One connection on a thread of its own. A server opens it twice: one that writes, one that only reads, so that a long
/// query never holds up an ingest.
package actor Archive {
    private let executor = BlockingExecutor(label: "archive")
    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    let database: Connection
    package nonisolated let folder: String
    let limits: ArchiveLimits
    var admittedNames: [Int64: Set<SensorName>] = [:]  // by device; what `sensor_name` holds
    var amendmentCounts: [Int64: AmendmentCounts] = [:]  // by device
    static let cachedDevices = 20_000  // entries of each cache that is kept by device
    var epochTurns: [Int64: EpochTurns] = [:]  // by device
    var lastRefusedJudged: Int64 = 0  // the refused devices up to this one have been judged again
    var knownCounts: (counts: StateCounts, at: ContinuousClock.Instant)?

    package enum Access: Sendable {
        case making  // reads and writes; made when missing
        case existing  // reads and writes what a server has made
        case readOnly
    }

    /// - Parameter folder: holds `archive.sqlite` and the signing key.
    package init(folder: String, access: Access = .making, limits: ArchiveLimits = ArchiveLimits()) async throws {
        self.folder = folder
        self.limits = limits
        Connection.leanMemory()
        database = try Archive.connection(folder, access)
    }

    private static func connection(_ folder: String, _ access: Access) throws -> Connection {
        if access == .making { try Files.makeFolder(folder) }
        let path = "\(folder)/archive.sqlite"
        if access != .making, !Files.exists(path) {
            throw ArchiveFault("there is no archive at \(path): vaho-cloud serve makes one; is VAHO_STORE right?")
        }
        if access != .readOnly { Files.tighten(path, to: 0o640) }
        let database = try Connection(path: path, access: access == .readOnly ? .readOnly : .readWrite, cacheKiB: 4_096)
        if access != .readOnly { try database.makeDurable() }
        let version = try database.integer("PRAGMA user_version") ?? 0
        if version > ArchiveSchema.version || (access == .readOnly && version < ArchiveSchema.version) {
            throw ArchiveFault("\(path) has schema \(version), this vaho-cloud knows \(ArchiveSchema.version): use the version that wrote it")
        }
        guard access != .readOnly, version < ArchiveSchema.version else { return database }
        try database.transaction {
            // Two programs may make it at once: the second finds it made.
            let version = try database.integer("PRAGMA user_version") ?? 0
            for step in ArchiveSchema.steps.dropFirst(Int(version)) { try database.execute(step) }
            try database.execute("PRAGMA user_version = \(ArchiveSchema.version)")
        }
        return database
    }

    isolated deinit {}  // the file is closed on the thread that used it

    /// Runs a whole query on the archive's own thread. Throws `CancellationError` if the request was cancelled before it began.
    package func perform<Result: Sendable>(_ body: @Sendable (isolated Archive) throws -> Result) throws -> Result {
        try Task.checkCancellation()
        return try body(self)
    }

    /// Changes whenever another connection has changed the archive.
    package func dataVersion() throws -> Int64 { try database.integer("PRAGMA data_version") ?? 0 }

    /// The first column of the first row, where it is a number.
    func integer(_ sql: String, _ value: Int64) throws -> Int64? {
        var statement = try database.prepare(sql)
        try statement.bind(value, at: 1)
        return try statement.step() ? statement.optionalInteger(0) : nil
    }

    func run(_ sql: String, _ value: Int64) throws {
        var statement = try database.prepare(sql)
        try statement.bind(value, at: 1)
        try statement.run()
    }

    /// Copies the archive as it is now into a file, while others read and write it.
    package func backUp(to path: String) throws { try database.backUp(to: path) }
}

/// The archive cannot do what was asked.
package struct ArchiveFault: Error, CustomStringConvertible {
    package let description: String
    package init(_ description: String) { self.description = description }
}

internal import Measures
internal import Runtime
internal import SQLite

/// The cloud's store: devices, the log of batches, the data derived from the log, releases and runs.
///
/// Each instance is one connection on its own thread. The server opens one instance that writes and others that only read, so that a long query
/// never delays an ingest.
package actor Archive {
    private let executor = BlockingExecutor(label: "archive")
    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    let database: Connection
    package nonisolated let folder: String
    let limits: ArchiveLimits
    var admittedNames: [Int64: Set<SensorName>] = [:]  // by device; a cache of `sensor_name`
    var amendmentCounts: [Int64: AmendmentCounts] = [:]  // by device
    static let cachedDevices = 20_000  // entries of each cache that is kept by device
    var duplicateHostDetectors: [Int64: DuplicateHostDetector] = [:]  // by device
    var lastRefusedUpdated: Int64 = 0  // id: the refused devices up to this device have been judged again
    var cachedStateCounts: (counts: StateCounts, at: ContinuousClock.Instant)?

    package enum Access: Sendable {
        case createIfMissing  // reads and writes; creates a missing archive
        case existing  // reads and writes; throws if there is no archive
        case readOnly
    }

    /// - Parameter folder: the folder of `archive.sqlite` and the signing key.
    package init(folder: String, access: Access = .createIfMissing, limits: ArchiveLimits = ArchiveLimits()) async throws {
        self.folder = folder
        self.limits = limits
        Connection.disableMemoryStatistics()
        database = try Archive.connection(folder, access)
    }

    private static func connection(_ folder: String, _ access: Access) throws -> Connection {
        if access == .createIfMissing { try Files.createFolder(folder) }
        let path = "\(folder)/archive.sqlite"
        if access != .createIfMissing, !Files.exists(path) {
            throw ArchiveFault.noArchive(path: path)
        }
        if access != .readOnly { Files.restrictPermissions(path, to: 0o640) }
        let database = try Connection(path: path, access: access == .readOnly ? .readOnly : .readWrite, cacheKiB: 4_096)
        if access != .readOnly { try database.makeDurable() }
        let version = try database.integer("PRAGMA user_version") ?? 0
        if version > ArchiveSchema.version || (access == .readOnly && version < ArchiveSchema.version) {
            throw ArchiveFault.unsupportedSchema(version, path: path)
        }
        guard access != .readOnly, version < ArchiveSchema.version else { return database }
        try database.transaction {
            // Two programs may create or migrate the archive at once: the second program then reads the new version and runs no step.
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

    /// A number that changes whenever another connection has changed the archive.
    package func dataVersion() throws -> Int64 { try database.integer("PRAGMA data_version") ?? 0 }

    /// The first column of the first row; `nil` if there is no row or the column is NULL.
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

    /// Copies the current archive into a file, while other connections read and write the archive.
    package func backUp(to path: String) throws { try database.backUp(to: path) }
}

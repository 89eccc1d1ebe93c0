internal import Measures
internal import Runtime

/// The cloud's store: devices, the log of batches, the data derived from the log, releases and runs.
///
/// Each instance is one connection on its own thread. The server opens one instance that writes and others that only read, so that a long query
/// never delays an ingest.
package actor Archive {
    private let executor = BlockingExecutor(label: "archive")
    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    let database: any ArchiveDatabase
    package nonisolated let store: StoreAddress
    let limits: ArchiveLimits
    var ledgers: [Int64: DeviceLedger] = [:]  // by device
    var ledgerVersion: Int64?  // the version of the archive that the ledgers belong to
    var unsavedEpochs: Set<DeviceEpoch> = []  // the epochs whose ranges the current transaction has changed in the ledgers
    static let cachedDevices = 20_000  // entries of a cache that is kept by device
    var duplicateHostDetectors: [Int64: DuplicateHostDetector] = [:]  // by device
    var lastRefusedUpdated: Int64 = 0  // id: the refused devices up to this device have been judged again
    var claims: [ExclusiveWork: any WorkClaim] = [:]

    /// - Parameter notice: receives the notices and warnings of a PostgreSQL server.
    package init(
        _ store: StoreAddress, access: ArchiveAccess = .createIfMissing, limits: ArchiveLimits = ArchiveLimits(),
        notice: @escaping @Sendable (String) -> Void = { _ in }
    ) async throws {
        self.store = store
        self.limits = limits
        switch store {
        case .sqlite(let folder): database = try SQLiteDatabase(folder: folder, access)
        case .postgres(let address): database = try PostgresDatabase(address, access, notice: notice)
        }
    }

    isolated deinit {}  // the file is closed on the thread that used it

    /// Runs a whole query on the archive's own thread. Throws `CancellationError` if the request was cancelled before it began.
    package func perform<Result: Sendable>(_ body: @Sendable (isolated Archive) throws -> Result) throws -> Result {
        try Task.checkCancellation()
        return try body(self)
    }

    /// A number that changes whenever another connection has changed the archive.
    package func dataVersion() throws -> Int64 { try database.dataVersion() }

    /// - Throws: if the archive's file is damaged.
    package func checkIntegrity() throws { try database.checkIntegrity() }

    /// Copies the current archive into a file, while other connections read and write the archive.
    package func backUp(to path: String) throws { try database.backUp(to: path) }
}

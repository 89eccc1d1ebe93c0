internal import Measures
internal import Observing

/// The operations of a database that the archive uses. Statements are written once, in SQL that SQLite and PostgreSQL share, with `?1`, `?2`, … or `?` for
/// parameters; operations whose SQL differs are functions of their own.
///
/// Not `Sendable`: the archive's actor confines it to one thread.
protocol ArchiveDatabase: AnyObject {
    /// Calls `body` for each row until `body` returns false. SQLite computes row after row; PostgreSQL sends the whole result before the first call,
    /// so a statement whose result grows with the fleet or with time needs a LIMIT.
    func forEachRow(_ sql: String, _ values: [DatabaseValue], _ body: (Row) throws -> Bool) throws

    /// Runs a statement without a result.
    /// - Returns: the number of rows that the statement has inserted, updated or deleted.
    func change(_ sql: String, _ values: [DatabaseValue]) throws -> Int

    /// Runs a statement once for each list of values. One round trip for many lists, where the database is on another host.
    func changeEach(_ sql: String, _ rows: [[DatabaseValue]]) throws

    /// Runs a statement once for each list of values. With a database server, many runs together take one round trip.
    /// - Returns: the rows of each run.
    func rowsEach(_ sql: String, _ values: [[DatabaseValue]]) throws -> [[Row]]

    /// Runs `body` in a transaction, which is rolled back if `body` throws. `body` has no `await`, so the actor runs no other work in between.
    @discardableResult
    func transactionOnce<Result>(_ durability: Durability, _ body: () throws -> Result) throws -> Result

    /// SQL at the end of a SELECT that makes it lock its rows until the transaction ends: ` FOR UPDATE`, or empty.
    var rowLock: String { get }

    /// This connection adds its totals to the rows of `log_month` with this shard.
    var counterShard: Int64 { get }

    /// Claims devices with something to derive, so that several programs share the work. A claim ends when the device's progress is saved, or after
    /// `milliseconds`.
    /// - Parameters:
    ///   - device: the highest device id that the previous step claimed. Devices with higher ids are claimed first, then devices with lower ids.
    ///   - paused: devices that are not claimed.
    /// - Returns: the claimed devices, sorted; `nil` if only one program derives.
    func claimPending(after device: Int64, except paused: Set<Int64>, limit: Int, for milliseconds: Int64) throws -> [Int64]?

    /// - Parameter isShared: whether other programs that pass `true` may have the right at the same time. For an archive in a folder only one
    ///   program has the right.
    /// - Returns: the right, which lasts until the returned object is released; `nil` if another program has the right.
    func claim(_ work: ExclusiveWork, isShared: Bool) throws -> (any WorkClaim)?

    /// Waits until no other transaction stores batches of these devices, then keeps others from doing so until this transaction ends.
    /// - Parameter devices: sorted, so that two transactions never wait for each other.
    func lock(devices: [Int64]) throws

    /// Waits until no other transaction changes aliases, then keeps others from doing so until this transaction ends.
    func lockAliases() throws

    /// Inserts bins into `observation_bin`, and replaces the bins with the same keys.
    func store(bins: [(key: BinKey, bin: Bin)]) throws

    /// Creates the missing partitions of `batch` and `observation_bin` for all times in `span`, if the database has partitions.
    func preparePartitions(for span: ClosedRange<Instant>) throws

    /// Creates the missing partitions of a table for rows with times from `first` to `last`, if the database partitions the table. Rows with times
    /// that only a wrong clock can give get no partition of their own.
    func preparePartitions(of table: String, _ first: Instant, _ last: Instant) throws

    /// The log, if the database stores each month of arrival in a table of its own; `nil` if the log is one table.
    var monthlyLog: (any MonthlyLog)? { get }

    /// Makes the database's file smaller by a limited number of free pages.
    /// - Returns: `true` if a further call may release more pages.
    func releaseFreeSpace() throws -> Bool

    /// This number changes after another connection has changed the archive. The number may also change without a change of the archive.
    func dataVersion() throws -> Int64

    /// This number changes after another connection has committed a change. The value is `nil` if no rows may be cached between transactions.
    func cacheVersion() throws -> Int64?

    /// In each table, the next new id is then the id after the highest stored id.
    func restartIdentities(_ tables: [String]) throws

    /// - Throws: `ArchiveFault.damagedRow` if the database's own check finds damage.
    func checkIntegrity() throws

    /// Copies the current archive into a file, while other connections read and write the archive.
    func backUp(to path: String) throws
}

/// An error of a driver, which says whether the same call may succeed later.
package protocol DatabaseFailure: Error {
    var isRetryable: Bool { get }
    /// Two transactions conflicted (a deadlock or a serialization failure): run the same transaction again.
    var isConflict: Bool { get }
    /// The database cannot be reached, or has no space, memory or connection left. Other calls would fail with the same error.
    var isUnavailable: Bool { get }
    /// The disk is full. Queries still succeed; changes fail until a person frees space.
    var isOutOfSpace: Bool { get }
}

/// When a transaction is on the disk.
enum Durability: Sendable {
    case durable  // before the call returns
    case lazy  // soon after the call returns: for work that is repeated if a power cut undoes the transaction
}

extension ArchiveDatabase {
    /// All rows of a result: for results with a limit.
    func rows(_ sql: String, _ values: any DatabaseConvertible...) throws -> [Row] { try rows(sql, values.map(\.databaseValue)) }

    func rows(_ sql: String, _ values: [DatabaseValue]) throws -> [Row] {
        var rows: [Row] = []
        try forEachRow(sql, values) { row in
            rows.append(row)
            return true
        }
        return rows
    }

    /// Calls `body` for each row.
    func forEach(_ sql: String, _ values: any DatabaseConvertible..., body: (Row) throws -> Void) throws {
        try forEachRow(sql, values.map(\.databaseValue)) { row in
            try body(row)
            return true
        }
    }

    /// The first row; `nil` without rows.
    func row(_ sql: String, _ values: any DatabaseConvertible...) throws -> Row? {
        var first: Row?
        try forEachRow(sql, values.map(\.databaseValue)) { row in
            first = row
            return false
        }
        return first
    }

    /// The first column of the first row; `nil` without rows, or if the column is NULL.
    func integer(_ sql: String, _ values: any DatabaseConvertible...) throws -> Int64? {
        var first: Int64?
        try forEachRow(sql, values.map(\.databaseValue)) { row in
            first = row.optionalInteger(0)
            return false
        }
        return first
    }

    /// Runs a transaction, and repeats it after a conflict with another transaction. `body` may run several times, so it must change nothing but the
    /// database, unless `rolledBack` undoes the other changes.
    /// - Parameter rolledBack: called after each failure, before the transaction is repeated or the error is thrown.
    @discardableResult
    func transaction<Result>(_ durability: Durability = .durable, rolledBack: () -> Void = {}, _ body: () throws -> Result) throws -> Result {
        var attempt = 0
        while true {
            attempt += 1
            do { return try transactionOnce(durability, body) } catch {
                rolledBack()
                guard let failure = error as? any DatabaseFailure, failure.isConflict, attempt < 5 else { throw error }
            }
        }
    }

    /// Runs a statement without a result.
    /// - Returns: the number of changed rows.
    @discardableResult
    func run(_ sql: String, _ values: any DatabaseConvertible...) throws -> Int { try change(sql, values.map(\.databaseValue)) }
}

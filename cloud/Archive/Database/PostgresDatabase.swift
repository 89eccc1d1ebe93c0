internal import Measures
internal import Observing
internal import Postgres
internal import Runtime

extension PostgresError: DatabaseFailure {
    package var isUnavailable: Bool { needsReconnect || isOutOfResources }
    package var isOutOfSpace: Bool { state == "53100" }
}

/// The archive in a PostgreSQL database, for one server or several replicas.
///
/// A lost connection fails the call or the transaction that used it; the next call connects again.
final class PostgresDatabase: ArchiveDatabase {
    let address: PostgresAddress
    let access: ArchiveAccess
    private let notice: @Sendable (String) -> Void
    private var connection: PostgresConnection?
    private var isInTransaction = false
    private var numbered: [String: String] = [:]  // statements with PostgreSQL's parameters, by their common text

    /// Connects, and creates or migrates the tables if the access allows it.
    init(_ address: PostgresAddress, _ access: ArchiveAccess, notice: @escaping @Sendable (String) -> Void = { _ in }) throws {
        (self.address, self.access, self.notice) = (address, access, notice)
        _ = try connected()
    }

    // MARK: connection

    private func connected() throws -> PostgresConnection {
        if let connection { return connection }
        // Another connection would run the rest of the transaction outside of it.
        guard !isInTransaction else {
            throw PostgresError(state: PostgresError.connectionLost, message: "the connection was lost in the transaction")
        }
        let new = try PostgresConnection(address.text, name: "vaho-cloud", notice: notice)
        if access == .readOnly { try new.execute("SET default_transaction_read_only = on") }
        try prepareSchema(new)
        connection = new
        return new
    }

    func withConnection<Result>(_ body: (PostgresConnection) throws -> Result) throws -> Result {
        let connection = try connected()
        do { return try body(connection) } catch let error as PostgresError where error.needsReconnect {
            self.connection = nil
            throw error
        }
    }

    // MARK: statements

    func forEachRow(_ sql: String, _ values: [DatabaseValue], _ body: (Row) throws -> Bool) throws {
        try withConnection { connection in
            let rows = try connection.query(statement(sql), values.map(PostgresValue.init))
            for row in 0..<rows.count {
                guard try body(PostgresDatabase.row(rows, row)) else { return }
            }
        }
    }

    func change(_ sql: String, _ values: [DatabaseValue]) throws -> Int {
        try withConnection { try $0.query(statement(sql), values.map(PostgresValue.init)).changed }
    }

    func changeEach(_ sql: String, _ rows: [[DatabaseValue]]) throws {
        guard !rows.isEmpty else { return }
        let statement = statement(sql)
        try withConnection { try $0.pipeline(rows.map { (statement, $0.map(PostgresValue.init)) }) }
    }

    func rowsEach(_ sql: String, _ values: [[DatabaseValue]]) throws -> [[Row]] {
        guard !values.isEmpty else { return [] }
        let statement = statement(sql)
        return try withConnection { connection in
            var results: [[Row]] = []
            results.reserveCapacity(values.count)
            try connection.pipeline(values.map { (statement, $0.map(PostgresValue.init)) }) { rows in
                results.append(try (0..<rows.count).map { try PostgresDatabase.row(rows, $0) })
            }
            return results
        }
    }

    private static func row(_ rows: borrowing PostgresRows, _ row: Int) throws -> Row {
        var columns: [DatabaseValue] = []
        columns.reserveCapacity(rows.columnCount)
        for column in 0..<rows.columnCount { columns.append(DatabaseValue(try rows.value(row, column))) }
        return Row(columns)
    }

    func transactionOnce<Result>(_ durability: Durability, _ body: () throws -> Result) throws -> Result {
        try withConnection { connection in
            isInTransaction = true
            defer { isInTransaction = false }
            return try connection.transaction {
                if durability == .lazy { try connection.execute("SET LOCAL synchronous_commit = off") }
                return try body()
            }
        }
    }

    // MARK: operations whose SQL differs between SQLite and PostgreSQL

    let rowLock = " FOR UPDATE"
    let counterShard = Int64.random(in: 0..<16)

    func claimPending(after device: Int64, except paused: Set<Int64>, limit: Int, for milliseconds: Int64) throws -> [Int64]? {
        // The database's clock: the clocks of the servers may differ.
        let now = "(EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::bigint"
        return try withConnection { connection in
            let rows = try connection.query(
                """
                UPDATE device_log SET claimed_until_ms = \(now) + $1 WHERE device IN (
                    SELECT device FROM device_log WHERE \(DerivationState.isPending) AND claimed_until_ms < \(now) AND device <> ALL ($4)
                    ORDER BY device <= $2, device LIMIT $3 FOR UPDATE SKIP LOCKED)
                RETURNING device
                """, [.integer(milliseconds), .integer(device), .integer(Int64(limit)), .integers(paused.sorted())])
            return try (0..<rows.count).map { try rows.integer($0, 0) }.sorted()
        }
    }

    func claim(_ work: ExclusiveWork, isShared: Bool) throws -> (any WorkClaim)? {
        try SessionClaim(address, work, isShared: isShared)
    }

    func lockAliases() throws {
        _ = try rows("SELECT pg_advisory_xact_lock(hashtextextended('vaho aliases ' || current_schema(), 0))::text")
    }

    func lock(devices: [Int64]) throws {
        guard !devices.isEmpty else { return }
        try withConnection {
            _ = try $0.query("SELECT 1 FROM device WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE", [.integers(devices)])
        }
    }

    /// Other replicas may change the archive at any time.
    func cacheVersion() throws -> Int64? { nil }

    /// A hash of the set of committed transactions.
    func dataVersion() throws -> Int64 {
        try withConnection { try $0.query("SELECT hashtextextended(pg_current_snapshot()::text, 0)").integer(0, 0) }
    }

    func restartIdentities(_ tables: [String]) throws {
        for table in tables {
            _ = try rows("SELECT setval(pg_get_serial_sequence('\(table)', 'id'), (SELECT COALESCE(MAX(id), 0) + 1 FROM \(table)), false)")
        }
    }

    func checkIntegrity() throws {}  // the server checks its pages: initdb --data-checksums

    func backUp(to path: String) throws { throw ArchiveFault.backUpByServer }

    /// Stores all bins with one statement: each parameter is an array with the values of one column. With one statement for each bin, the server
    /// needs twice as long, even in one round trip.
    func store(bins: [(key: BinKey, bin: Bin)]) throws {
        guard !bins.isEmpty else { return }
        let rows = bins.map { BinColumns.values($0.key, $0.bin) }
        let none = Int64(Int32.min)  // represents NULL, because `PostgresValue.integers` cannot contain NULL
        let extremes = bins.map { BinColumns.extremes($0.bin) }
        let columns =
            rows[0].indices.map { column in PostgresValue.integers(rows.map { $0[column] }) } + [
                .integers(extremes.map { $0.low ?? none }), .integers(extremes.map { $0.high ?? none }),
            ]
        let parameters = columns.indices.map { "$\($0 + 1)" }.joined(separator: ", ")
        try withConnection {
            _ = try $0.query(
                """
                INSERT INTO observation_bin (\(BinColumns.names))
                SELECT c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, NULLIF(c12, \(none)), NULLIF(c13, \(none))
                FROM unnest(\(parameters)) AS bins (c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, c12, c13) \(BinColumns.replace)
                """, columns)
        }
    }

    // MARK: parameters

    private func statement(_ sql: String) -> String {
        if let known = numbered[sql] { return known }
        let statement = PostgresDatabase.numbered(sql)
        numbered[sql] = statement
        return statement
    }

    /// The statement with `$1`, `$2`, … in place of `?1`, `?2`, …; a `?` without a number has the number after the one before. Text in quotes is
    /// left as it is.
    static func numbered(_ sql: String) -> String {
        var text: [UInt8] = []
        var (last, isQuoted) = (0, false)
        let bytes = Array(sql.utf8)
        var index = 0
        while index < bytes.count {
            let byte = bytes[index]
            index += 1
            if byte == UInt8(ascii: "'") { isQuoted.toggle() }
            guard byte == UInt8(ascii: "?"), !isQuoted else {
                text.append(byte)
                continue
            }
            let digits = bytes[index...].prefix { (48...57).contains($0) }
            index += digits.count
            last = digits.isEmpty ? last + 1 : digits.reduce(0) { $0 * 10 + Int($1 - 48) }
            text += "$\(last)".utf8
        }
        return String(decoding: text, as: UTF8.self)
    }
}

extension PostgresValue {
    fileprivate init(_ value: DatabaseValue) {
        self =
            switch value {
            case .null: .null
            case .integer(let value): .integer(value)
            case .real(let value): .real(value)
            // PostgreSQL's text holds no zero byte; a device may send one.
            case .text(let value): .text(value.utf8.contains(0) ? String(value.map { $0 == "\0" ? "\u{FFFD}" : $0 }) : value)
            case .bytes(let value): .bytes(value)
            }
    }
}

extension DatabaseValue {
    fileprivate init(_ value: PostgresValue) {
        self =
            switch value {
            case .integer(let value): .integer(value)
            case .real(let value): .real(value)
            case .text(let value): .text(value)
            case .bytes(let value): .bytes(value)
            case .null, .integers: .null
            }
    }
}

internal import CPostgres
internal import Glibc

/// One connection to a PostgreSQL server. Not `Sendable`: an actor on a `BlockingExecutor` confines it.
@safe package final class PostgresConnection {
    private let connection: OpaquePointer
    private var prepared: [Signature: String] = [:]
    private var preparedCount = 0  // statements that this connection has ever prepared
    private let notices: Notices
    private static let preparedLimit = 512

    private struct Signature: Hashable {
        let sql: String
        let types: [UInt32]
    }

    /// - Parameters:
    ///   - address: a connection URI (`postgres://…`) or keywords (`host=… dbname=…`), as libpq reads them. libpq takes parameters that are
    ///     missing from the `PG…` environment variables and from the password file.
    ///   - name: shown by `pg_stat_activity`.
    ///   - notice: receives the server's notices and warnings.
    package init(_ address: String, name: String, notice: @escaping @Sendable (String) -> Void = { _ in }) throws(PostgresError) {
        // `dbname` is expanded as a whole connection string; keywords before it are defaults, keywords after it win.
        let defaults = [
            ("connect_timeout", "10"), ("keepalives_idle", "30"), ("keepalives_interval", "10"), ("keepalives_count", "3"),
            ("tcp_user_timeout", "30000"), ("target_session_attrs", "read-write"), ("dbname", address),
            ("fallback_application_name", name), ("client_encoding", "UTF8"),
        ]
        let opened = unsafe PostgresConnection.open(defaults)
        guard let opened = unsafe opened else { throw PostgresError(state: PostgresError.notConnected, message: "libpq is out of memory") }
        guard unsafe PQstatus(opened) == CONNECTION_OK else {
            let message = unsafe line(PQerrorMessage(opened))
            unsafe PQfinish(opened)
            throw PostgresError(state: PostgresError.notConnected, message: message)
        }
        unsafe connection = opened
        notices = Notices(notice)
        unsafe PQsetNoticeReceiver(opened, Notices.receive, Unmanaged.passUnretained(notices).toOpaque())
        try refusePooler()
    }

    deinit { unsafe PQfinish(connection) }

    /// Prepared statements, session locks and LISTEN need one server process for the whole session. A pooler in transaction mode assigns a process
    /// to each transaction, and reports a process number of its own.
    private func refusePooler() throws(PostgresError) {
        // Without a prepared statement, because a pooler may run it in another process than the one that prepared it.
        let result = unsafe PQexec(connection, "SELECT pg_backend_pid()")
        defer { unsafe PQclear(result) }
        guard unsafe PQresultStatus(result) == PGRES_TUPLES_OK, let text = unsafe PQgetvalue(result, 0, 0) else {
            throw failure("SELECT pg_backend_pid()")
        }
        guard unsafe Int32(String(cString: text)) == PQbackendPID(connection) else {
            throw PostgresError(
                state: "0A000",
                message: "a connection pooler answers instead of the server: give the server's own address. vaho-cloud keeps few connections, and "
                    + "prepared statements, advisory locks and LISTEN do not work through a pooler in transaction mode")
        }
    }

    /// The server's version: 150018 is 15.18.
    package var serverVersion: Int { Int(unsafe PQserverVersion(connection)) }

    // MARK: statements

    /// Runs one or more statements without parameters or results.
    package func execute(_ sql: String) throws(PostgresError) {
        _ = try unsafe rows(PQexec(connection, sql), sql)
    }

    /// Runs a statement with the values as `$1`, `$2`, … The statement is prepared once for each combination of types.
    package func query(_ sql: String, _ values: [PostgresValue] = []) throws(PostgresError) -> PostgresRows {
        try limitPrepared()
        let name = try prepare(sql, values)
        let result = unsafe PostgresConnection.withParameters(values) { pointers, lengths, formats in
            unsafe PQexecPrepared(connection, name, Int32(values.count), pointers, lengths, formats, 1)
        }
        return try unsafe rows(result, sql)
    }

    /// Runs `body` in a transaction, which is rolled back if `body` throws. `body` has no `await`, so the actor runs no other work in between.
    /// - Throws: `PostgresError` with the state 25001 if a transaction is open already: the server would only warn, and commit too early.
    package func transaction<Result>(_ body: () throws -> Result) throws -> Result {
        guard unsafe PQtransactionStatus(connection) != PQTRANS_INTRANS else {
            throw PostgresError(state: "25001", message: "cannot start a transaction within a transaction", sql: "BEGIN")
        }
        try execute("BEGIN")
        do {
            let result = try body()
            try commit()
            return result
        } catch {
            try? execute("ROLLBACK")  // fails if the connection is lost: the server then rolls back
            throw error
        }
    }

    /// The server answers `COMMIT` with the tag `ROLLBACK` if a statement of the transaction failed and `body` ignored the error.
    private func commit() throws(PostgresError) {
        let result = unsafe PQexec(connection, "COMMIT")
        let isCommitted = unsafe result.map { unsafe String(cString: PQcmdStatus($0)) } == "COMMIT"
        _ = try unsafe rows(result, "COMMIT")
        guard isCommitted else {
            throw PostgresError(state: "25P02", message: "a statement had failed: the transaction is rolled back", sql: "COMMIT")
        }
    }

    /// Sends many statements before it waits for their results, so that all of them together take one round trip. If a statement fails, the server
    /// does not run the statements after it. The statements before it have run already: call this function inside a transaction, so that they are
    /// rolled back.
    /// - Parameter body: receives the result of each statement, in order.
    /// - Throws: the error of the first statement that failed.
    package func pipeline(
        _ statements: [(sql: String, values: [PostgresValue])], _ body: (borrowing PostgresRows) throws -> Void = { _ in }
    ) throws {
        try limitPrepared()
        var names: [String] = []
        for statement in statements { names.append(try prepare(statement.sql, statement.values)) }
        var rest = Array(zip(statements, names))[...]
        // The server may wait to send answers while libpq waits to send statements: read the answers after a bounded number.
        while !rest.isEmpty {
            try sendAndSync(Array(rest.prefix(128)), body)
            rest = rest.dropFirst(128)
        }
    }

    private func sendAndSync(
        _ statements: [((sql: String, values: [PostgresValue]), String)], _ body: (borrowing PostgresRows) throws -> Void
    ) throws {
        guard unsafe PQenterPipelineMode(connection) == 1 else { throw failure("pipeline") }
        var failure: (any Error)?
        do { try sendAndReceive(statements, body) } catch { failure = error }
        guard unsafe PQexitPipelineMode(connection) == 1 else {
            // Results are missing, so the connection cannot be used any more.
            throw PostgresError(
                state: PostgresError.connectionLost,
                message: "the server did not answer all statements of a pipeline: \(failure.map { "\($0)" } ?? "")")
        }
        if let failure { throw failure }
    }

    private func sendAndReceive(
        _ statements: [((sql: String, values: [PostgresValue]), String)], _ body: (borrowing PostgresRows) throws -> Void
    ) throws {
        var failed: (any Error)?
        for ((sql, values), name) in statements {
            let sent = unsafe PostgresConnection.withParameters(values) { pointers, lengths, formats in
                unsafe PQsendQueryPrepared(connection, name, Int32(values.count), pointers, lengths, formats, 1)
            }
            guard sent == 1 else { throw failure(sql) }
        }
        guard unsafe PQpipelineSync(connection) == 1 else { throw failure("pipeline") }
        for ((sql, _), _) in statements {
            while let result = unsafe PQgetResult(connection) {
                do {
                    let rows = try unsafe rows(result, sql)
                    if failed == nil { try body(rows) }
                } catch { failed = failed ?? error }
            }
        }
        while let result = unsafe PQgetResult(connection) {
            let isSync = unsafe PQresultStatus(result) == PGRES_PIPELINE_SYNC
            unsafe PQclear(result)
            if isSync { break }
        }
        if let failed { throw failed }
    }

    /// Sends rows in the text format of `COPY … FROM STDIN`.
    /// - Parameter chunks: gives the next bytes; `nil` at the end.
    /// - Returns: the number of copied rows.
    package func copy(_ sql: String, _ chunks: () throws -> [UInt8]?) throws -> Int {
        let begun = unsafe PQexec(connection, sql)
        guard unsafe PQresultStatus(begun) == PGRES_COPY_IN else {
            _ = try unsafe rows(begun, sql)
            throw PostgresError(state: "42601", message: "the statement is not COPY … FROM STDIN", sql: sql)
        }
        unsafe PQclear(begun)
        do {
            while let chunk = try chunks() {
                let sent = unsafe chunk.withUnsafeBytes {
                    unsafe PQputCopyData(connection, $0.baseAddress?.assumingMemoryBound(to: CChar.self), Int32($0.count))
                }
                guard sent == 1 else { throw failure(sql) }
            }
        } catch {
            unsafe PQputCopyEnd(connection, "the client has stopped")
            while let result = unsafe PQgetResult(connection) { unsafe PQclear(result) }
            throw error
        }
        guard unsafe PQputCopyEnd(connection, nil) == 1 else { throw failure(sql) }
        let result = unsafe PQgetResult(connection)
        let copied = try unsafe rows(result, sql).changed
        while let result = unsafe PQgetResult(connection) { unsafe PQclear(result) }
        return copied
    }

    // MARK: notifications

    /// The channels of the notifications that have arrived. `LISTEN` a channel first. Does not wait.
    package func notifications() throws(PostgresError) -> [String] {
        guard unsafe PQconsumeInput(connection) == 1 else { throw failure("LISTEN") }
        var channels: [String] = []
        while let notification = unsafe PQnotifies(connection) {
            unsafe channels.append(String(cString: notification.pointee.relname))
            unsafe PQfreemem(notification)
        }
        return channels
    }

    // MARK: libpq

    private static func open(_ parameters: [(String, String)]) -> OpaquePointer? {
        // libpq copies the texts, so they live for this call only.
        let keywords = unsafe parameters.map { unsafe strdup($0.0) }
        let values = unsafe parameters.map { unsafe strdup($0.1) }
        defer {
            for index in parameters.indices {
                unsafe free(keywords[index])
                unsafe free(values[index])
            }
        }
        let keywordList = unsafe keywords.map { unsafe $0.map { unsafe UnsafePointer($0) } } + [nil]
        let valueList = unsafe values.map { unsafe $0.map { unsafe UnsafePointer($0) } } + [nil]
        return unsafe PQconnectdbParams(keywordList, valueList, 1)
    }

    /// Frees all prepared statements if there are too many. Must not be called while a pipeline runs, because a pipeline uses many prepared statements.
    private func limitPrepared() throws(PostgresError) {
        guard prepared.count >= PostgresConnection.preparedLimit else { return }
        try execute("DEALLOCATE ALL")
        prepared = [:]
    }

    /// Prepares a statement unless this connection has it.
    private func prepare(_ sql: String, _ values: [PostgresValue]) throws(PostgresError) -> String {
        let signature = Signature(sql: sql, types: values.map(\.type))
        if let name = prepared[signature] { return name }
        preparedCount += 1
        let name = "s\(preparedCount)"
        let result = unsafe signature.types.withUnsafeBufferPointer {
            unsafe PQprepare(connection, name, sql, Int32(values.count), $0.baseAddress)
        }
        _ = try unsafe rows(result, sql)
        prepared[signature] = name
        return name
    }

    /// Lends the values in binary format to a call of libpq.
    private static func withParameters<Result>(
        _ values: [PostgresValue], _ body: (UnsafePointer<UnsafePointer<CChar>?>?, UnsafePointer<Int32>?, UnsafePointer<Int32>?) -> Result
    ) -> Result {
        let binary = values.map(\.binary)
        let lengths = binary.map { Int32($0?.count ?? 0) }
        let formats = [Int32](repeating: 1, count: values.count)
        var bytes: [UInt8] = []
        var offsets: [Int?] = []
        for value in binary {
            offsets.append(value.map { _ in bytes.count })
            bytes += value ?? []
        }
        bytes.append(0)  // an empty value needs a pointer, too: without one libpq sends NULL
        return unsafe bytes.withUnsafeBytes { buffer in
            let start = unsafe buffer.baseAddress?.assumingMemoryBound(to: CChar.self)
            let pointers = unsafe offsets.map { offset in unsafe offset.flatMap { unsafe start?.advanced(by: $0) } }
            return unsafe body(pointers, lengths, formats)
        }
    }

    private func rows(_ result: OpaquePointer?, _ sql: String) throws(PostgresError) -> PostgresRows {
        guard let result = unsafe result else { throw failure(sql) }
        switch unsafe PQresultStatus(result) {
        case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY: return unsafe PostgresRows(result, sql: sql)
        default:
            let state = unsafe cpostgres_sqlstate(result).map { unsafe String(cString: $0) } ?? stateOfConnection
            let message = unsafe line(PQresultErrorMessage(result))
            unsafe PQclear(result)
            throw PostgresError(state: state, message: message, sql: sql)
        }
    }

    private func failure(_ sql: String) -> PostgresError {
        PostgresError(state: stateOfConnection, message: unsafe line(PQerrorMessage(connection)), sql: sql)
    }

    /// The SQLSTATE of an error that libpq itself reports.
    private var stateOfConnection: String { unsafe PQstatus(connection) == CONNECTION_BAD ? PostgresError.connectionLost : "" }
}

/// Passes the server's notices to a closure. libpq keeps a pointer to this object while the connection is open.
private final class Notices: Sendable {
    private let notice: @Sendable (String) -> Void
    init(_ notice: @escaping @Sendable (String) -> Void) { self.notice = notice }

    static let receive: PQnoticeReceiver = { context, result in
        guard let context = unsafe context else { return }
        let notices = unsafe Unmanaged<Notices>.fromOpaque(context).takeUnretainedValue()
        notices.notice(unsafe line(PQresultErrorMessage(result)))
    }
}

/// A message of libpq on one line, without its last line feed.
private func line(_ text: UnsafePointer<CChar>?) -> String {
    guard let text = unsafe text else { return "" }
    return unsafe String(cString: text).split(whereSeparator: \.isNewline).joined(separator: "; ")
}

import Foundation
import Postgres
import Synchronization
import Testing

/// The server that `Tests/postgres.sh` runs.
enum TestServer {
    static let address = ProcessInfo.processInfo.environment["VAHO_TEST_POSTGRES"]
    static let pooler = ProcessInfo.processInfo.environment["VAHO_TEST_PGBOUNCER"]
}

/// Against a real server: `Tests/postgres.sh swift test --filter PostgresTests`.
@Suite(.enabled(if: TestServer.address != nil, "Tests/postgres.sh starts a server"), .timeLimit(.minutes(1)))
struct PostgresTests {
    private func connection(notice: @escaping @Sendable (String) -> Void = { _ in }) throws -> PostgresConnection {
        let connection = try PostgresConnection(try #require(TestServer.address), name: "test", notice: notice)
        // A schema of its own for each test, so that tests do not meet.
        let schema = "t\(UInt64.random(in: 0...(.max)))"
        try connection.execute("SET client_min_messages = warning; CREATE SCHEMA \(schema); SET search_path = \(schema)")
        return connection
    }

    private func integer(_ connection: PostgresConnection, _ sql: String) throws -> Int64 { try connection.query(sql).integer(0, 0) }

    private func refusal(_ body: () throws -> Void) -> PostgresError? {
        do { try body() } catch { return error as? PostgresError }
        return nil
    }

    @Test func `values of every type come back as they were sent`() throws {
        let connection = try connection()
        let bytes = (0...255).map { UInt8($0) }
        let rows = try connection.query(
            "SELECT $1, $2, $3, $4, $5::bigint, ($6::bigint[])[2], $7::text",
            [
                .integer(.min), .real(-0.1), .text("Tränengas «π»"), .bytes(bytes), .null, .integers([7, -8]), .text(""),
            ])
        let values = try (0..<rows.columnCount).map { try rows.value(0, $0) }
        #expect(
            values == [
                .integer(.min), .real(-0.1), .text("Tränengas «π»"), .bytes(bytes), .null, .integer(-8), .text(""),
            ])
        let count = rows.count
        #expect(count == 1)
        let error = refusal { _ = try rows.integer(0, 2) }
        #expect(error?.description.contains("expected a whole number") == true)
    }

    @Test func `smaller whole numbers and Booleans are read as whole numbers`() throws {
        let connection = try connection()
        let rows = try connection.query("SELECT (-2)::smallint, (-70000)::integer, true, 1.5::numeric")
        let values = try (0..<3).map { try rows.integer(0, $0) }
        #expect(values == [-2, -70_000, 1])
        let error = refusal { _ = try rows.real(0, 3) }  // numeric has no fixed binary form
        #expect(error?.description.contains("cast it") == true)
    }

    @Test func `an error has the SQLSTATE and the statement, and the connection stays usable`() throws {
        let connection = try connection()
        try connection.execute("CREATE TABLE t (id bigint PRIMARY KEY)")
        let inserted = try connection.query("INSERT INTO t VALUES ($1)", [.integer(1)]).changed
        #expect(inserted == 1)
        let error = #expect(throws: PostgresError.self) { _ = try connection.query("INSERT INTO t VALUES ($1)", [.integer(1)]) }
        #expect(error?.state == "23505")
        #expect(error?.sql == "INSERT INTO t VALUES ($1)")
        #expect(error?.isRetryable == false)
        #expect(try integer(connection, "SELECT count(*) FROM t") == 1)
    }

    @Test func `a transaction is rolled back if its body throws`() throws {
        struct Stop: Error {}
        let connection = try connection()
        try connection.execute("CREATE TABLE t (id bigint)")
        #expect(throws: Stop.self) {
            try connection.transaction {
                _ = try connection.query("INSERT INTO t VALUES (1)")
                throw Stop()
            }
        }
        try connection.transaction { _ = try connection.query("INSERT INTO t VALUES (2)") }
        #expect(try integer(connection, "SELECT id FROM t") == 2)
    }

    @Test func `a transaction within a transaction is an error, and the outer transaction is rolled back`() throws {
        let connection = try connection()
        try connection.execute("CREATE TABLE t (id bigint)")
        let error = #expect(throws: PostgresError.self) {
            try connection.transaction {
                _ = try connection.query("INSERT INTO t VALUES (1)")
                try connection.transaction { _ = try connection.query("INSERT INTO t VALUES (2)") }
            }
        }
        #expect(error?.state == "25001")
        #expect(try integer(connection, "SELECT COUNT(*) FROM t") == 0)
    }

    @Test func `a pipeline sends thousands of statements, and fails with the first error`() throws {
        let connection = try connection()
        try connection.execute("CREATE TABLE t (id bigint PRIMARY KEY, content bytea)")
        let content = [UInt8](repeating: 7, count: 10_000)
        func statements(_ ids: Range<Int64>) -> [(sql: String, values: [PostgresValue])] {
            ids.map { ("INSERT INTO t VALUES ($1, $2)", [.integer($0), .bytes(content)]) }
        }
        try connection.transaction { try connection.pipeline(statements(0..<2_000)) }
        #expect(try integer(connection, "SELECT count(*) FROM t") == 2_000)
        let error = #expect(throws: PostgresError.self) {
            try connection.transaction { try connection.pipeline(statements(1_990..<2_010)) }
        }
        #expect(error?.state == "23505")
        #expect(try integer(connection, "SELECT count(*) FROM t") == 2_000)
    }

    @Test func `a pipeline with more kinds of statements than the connection keeps prepared runs all of them`() throws {
        let connection = try connection()
        try connection.execute("CREATE TABLE t (id bigint)")
        let statements = (0..<1_500 as Range<Int64>).map { (sql: "INSERT INTO t VALUES ($1 + \($0) - \($0))", values: [PostgresValue.integer($0)]) }
        try connection.transaction { try connection.pipeline(statements) }
        try connection.transaction { try connection.pipeline(statements) }
        #expect(try integer(connection, "SELECT count(*) FROM t") == 3_000)
        #expect(try integer(connection, "SELECT count(*) FROM pg_prepared_statements") <= 1_501)
    }

    @Test func `a call that libpq refuses is not worth a retry`() throws {
        let connection = try connection()
        let values = [PostgresValue](repeating: .integer(1), count: 70_000)
        let error = refusal { _ = try connection.query("SELECT 1", values) }
        #expect(error?.isRetryable == false, "\(error?.description ?? "")")
        #expect(try integer(connection, "SELECT 1") == 1)
    }

    @Test func `COPY takes rows in chunks, and a client that stops copies nothing`() throws {
        struct Stop: Error {}
        let connection = try connection()
        try connection.execute("CREATE TABLE t (id bigint, name text)")
        var chunks = [Array("1\ta\n2\t".utf8), Array("b\n".utf8)]
        #expect(try connection.copy("COPY t FROM STDIN") { chunks.isEmpty ? nil : chunks.removeFirst() } == 2)
        var sent = 0
        #expect(throws: Stop.self) {
            _ = try connection.copy("COPY t FROM STDIN") {
                sent += 1
                if sent == 3 { throw Stop() }
                return Array("3\tc\n".utf8)
            }
        }
        #expect(try integer(connection, "SELECT count(*) FROM t WHERE name IN ('a', 'b')") == 2)
        #expect(try integer(connection, "SELECT count(*) FROM t") == 2)
    }

    @Test func `a notification reaches a connection that listens, after the commit`() async throws {
        let (listener, sender) = (try connection(), try connection())
        try listener.execute("LISTEN changes")
        try sender.execute("BEGIN; NOTIFY changes")
        #expect(try listener.notifications().isEmpty)
        try sender.execute("COMMIT")
        var channels: [String] = []
        while channels.isEmpty { channels = try listener.notifications() }
        #expect(channels == ["changes"])
    }

    @Test func `notices go to the receiver`() throws {
        let notices = Mutex<[String]>([])
        let connection = try connection { text in notices.withLock { $0.append(text) } }
        try connection.execute("DO $$ BEGIN RAISE WARNING 'disk is slow'; END $$")
        #expect(notices.withLock { $0.contains { $0.contains("disk is slow") } })
    }

    @Test func `a connection that the server ends needs a new one, and says so`() throws {
        let (victim, other) = (try connection(), try connection())
        let pid = try integer(victim, "SELECT pg_backend_pid()")
        _ = try other.query("SELECT pg_terminate_backend($1::integer)", [.integer(pid)])
        let error = #expect(throws: PostgresError.self) { _ = try victim.query("SELECT 1") }
        #expect(error?.needsReconnect == true)
        #expect(error?.isRetryable == true)
    }

    @Test(.enabled(if: TestServer.pooler != nil, "pgbouncer is installed by deploy/install-deps.sh --test"))
    func `a pooler in transaction mode is refused with the reason`() throws {
        let pooler = try #require(TestServer.pooler)
        let error = #expect(throws: PostgresError.self) { try PostgresConnection(pooler, name: "test") }
        #expect(error?.description.contains("a connection pooler answers instead of the server") == true, "\(error?.description ?? "")")
        #expect(error?.isRetryable == false)
    }

    @Test func `an unreachable server is an error without the password`() throws {
        let error = #expect(throws: PostgresError.self) {
            try PostgresConnection("postgres://vaho:secret@127.0.0.1:9/x", name: "test")
        }
        #expect(error?.needsReconnect == true)
        #expect(error?.description.contains("secret") == false)
    }
}

@Suite struct PostgresErrorTests {
    @Test(arguments: [
        ("40001", true, false), ("40P01", true, false), ("53100", true, false), ("53300", true, false), ("57P01", true, true), ("57P03", true, true),
        ("25006", true, true), ("08006", true, true), ("08001", true, true), ("", false, false), ("23505", false, false), ("42601", false, false),
        ("22P02", false, false),
    ])
    func `the SQLSTATE says whether to retry, and on which connection`(state: String, isRetryable: Bool, needsReconnect: Bool) {
        let error = PostgresError(state: state, message: "")
        #expect(error.isRetryable == isRetryable)
        #expect(error.needsReconnect == needsReconnect)
    }
}

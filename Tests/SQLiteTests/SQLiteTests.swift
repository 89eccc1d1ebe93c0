import SQLite
import Testing

@Suite struct SQLiteTests {
    private func database() throws -> Connection {
        let database = try Connection(path: ":memory:")
        try database.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER, x REAL, s TEXT, b BLOB)")
        return database
    }

    @Test func `every type is read back unchanged`() throws {
        let database = try database()
        var insert = try database.prepare("INSERT INTO t VALUES (1, ?, ?, ?, ?)")
        try insert.bind(Int64.min, at: 1)
        try insert.bind(0.1, at: 2)
        try insert.bind("zero\0byte ä", at: 3)
        try insert.bind([0, 255, 7] as [UInt8], at: 4)
        try insert.run()
        var select = try database.prepare("SELECT n, x, s, b, NULL FROM t")
        #expect(try select.step())
        #expect(select.integer(0) == .min)
        #expect(select.double(1) == 0.1)
        #expect(select.text(2) == "zero\0byte ä")
        #expect(select.blob(3) == [0, 255, 7])
        #expect(select.optionalInteger(4) == nil)
        #expect(try !select.step())
    }

    @Test func `a transaction that throws is rolled back`() throws {
        struct Stop: Error {}
        let database = try database()
        #expect(throws: Stop.self) {
            try database.transaction {
                try database.execute("INSERT INTO t (id) VALUES (1)")
                throw Stop()
            }
        }
        #expect(try database.integer("SELECT COUNT(*) FROM t") == 0)
    }

    @Test func `an error reports the code, the message, the statement and whether a retry helps`() throws {
        let database = try database()
        try database.execute("INSERT INTO t (id) VALUES (1)")
        let error = #expect(throws: SQLiteError.self) { try database.execute("INSERT INTO t (id) VALUES (1)") }
        #expect(error?.description == "sqlite 1555: UNIQUE constraint failed: t.id in «INSERT INTO t (id) VALUES (1)»")
        #expect(error?.isRetryable == false)
    }

    @Test func `a full disk is a distinct and retryable error, and writes succeed again when there is room`() throws {
        let database = try database()
        try database.execute("PRAGMA max_page_count = 3")
        let error = #expect(throws: SQLiteError.self) { try database.execute("INSERT INTO t (b) VALUES (zeroblob(100000))") }
        #expect(error?.isFull == true)
        #expect(error?.isRetryable == true)
        try database.execute("PRAGMA max_page_count = 1000; INSERT INTO t (b) VALUES (zeroblob(100000))")
    }

    @Test func `a file that is not a database is a distinct error`() {
        let error = #expect(throws: SQLiteError.self) {
            try Connection(path: "/etc/passwd", access: .readOnly).integer("SELECT 1 FROM sqlite_master")
        }
        #expect(error?.isCorrupt == true)
        #expect(throws: SQLiteError.self) { try Connection(path: "/nowhere/x.sqlite") }
    }
}

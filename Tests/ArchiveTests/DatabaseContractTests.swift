@testable import Archive
import Foundation
import Measures
import Testing

/// What every driver of the archive's database must do. Each driver passes the same suite.
@Suite(.timeLimit(.minutes(1))) struct DatabaseContractTests {
    private let place = TemporaryArchive()

    private func withDatabase(_ test: @Sendable (isolated Archive, any ArchiveDatabase) throws -> Void) async throws {
        let archive = try await place.open()
        _ = try await archive.perform { archive in
            try archive.database.run("CREATE TABLE t (id INTEGER PRIMARY KEY, number BIGINT, real DOUBLE PRECISION, name TEXT, body BLOB)")
        }
        try await archive.run(test)
    }

    @Test func `values of every type come back as they were sent, and NULL reads as empty`() async throws {
        try await withDatabase { _, database in
            let bytes = (0...255).map { UInt8($0) }
            try database.run(
                "INSERT INTO t (id, number, real, name, body) VALUES (?, ?, ?, ?, ?)", Int64(1), Int64.min, -0.1, "«π» end", bytes)
            try database.run("INSERT INTO t (id) VALUES (?)", 2)
            let row = try #require(try database.row("SELECT number, real, name, body FROM t WHERE id = 1"))
            #expect(row.integer(0) == .min && row.double(1) == -0.1 && row.text(2) == "«π» end" && row.bytes(3) == bytes)
            let empty = try #require(try database.row("SELECT number, real, name, body FROM t WHERE id = ?", 2))
            #expect((0..<4).allSatisfy { empty.isNull($0) })
            #expect(empty.integer(0) == 0 && empty.double(1) == 0 && empty.text(2).isEmpty && empty.bytes(3).isEmpty)
            #expect(try database.row("SELECT 1 FROM t WHERE id = 3") == nil)
        }
    }

    @Test func `a numbered parameter may occur several times`() async throws {
        try await withDatabase { _, database in
            let difference = try database.integer("SELECT ?2 - ?1 - ?1", 3, 10)
            #expect(difference == 4)
        }
    }

    @Test func `a change reports the number of changed rows, also for many lists of values`() async throws {
        try await withDatabase { _, database in
            try database.changeEach("INSERT INTO t (id, number) VALUES (?, ?)", (1...1_000).map { [.integer($0), .integer($0 % 10)] })
            #expect(try database.run("UPDATE t SET number = 99 WHERE number = ?", 7) == 100)
            #expect(try database.run("DELETE FROM t WHERE number = ?", 7) == 0)
            #expect(try database.integer("SELECT COUNT(*) FROM t") == 1_000)
        }
    }

    @Test func `rows are read one after another, and reading may end early and may query again`() async throws {
        try await withDatabase { _, database in
            try database.changeEach("INSERT INTO t (id, number) VALUES (?, ?)", (1...100).map { [.integer($0), .integer($0 * $0)] })
            var squares: [Int64] = []
            try database.forEachRow("SELECT id FROM t ORDER BY id", []) { row in
                squares.append(try database.integer("SELECT number FROM t WHERE id = ?", row.integer(0)) ?? 0)
                return squares.count < 3
            }
            #expect(squares == [1, 4, 9])
        }
    }

    @Test(arguments: [Durability.durable, .lazy])
    func `a transaction whose body throws leaves nothing, and the next one works`(durability: Durability) async throws {
        struct Stop: Error {}
        try await withDatabase { _, database in
            #expect(throws: Stop.self) {
                try database.transaction(durability) {
                    try database.run("INSERT INTO t (id) VALUES (1)")
                    throw Stop()
                }
            }
            try database.transaction(durability) { try database.run("INSERT INTO t (id) VALUES (2)") }
            #expect(try database.rows("SELECT id FROM t").map { $0.integer(0) } == [2])
        }
    }

    @Test func `an inserted row returns its id`() async throws {
        try await withDatabase { _, database in
            let first = try database.integer("INSERT INTO t (number) VALUES (5) RETURNING id")
            let second = try database.integer("INSERT INTO t (number) VALUES (6) RETURNING id")
            #expect(first != nil && second != nil && first != second)
        }
    }

    @Test func `another connection's change gives another data version, and a wrong statement is not worth a retry`() async throws {
        let writer = try await place.open()
        let reader = try await place.open(.readOnly)
        let before = try await reader.dataVersion()
        _ = try await place.device(writer)
        #expect(try await reader.dataVersion() != before)
        let isRetryable = try await writer.perform { archive -> Bool? in
            do { _ = try archive.database.rows("SELECT nothing") } catch let error as any DatabaseFailure { return error.isRetryable }
            return nil
        }
        #expect(isRetryable == false)
    }
}

extension Archive {
    fileprivate func run(_ test: @Sendable (isolated Archive, any ArchiveDatabase) throws -> Void) throws { try test(self, database) }
}

import ArchiveExamples
@testable import Archive
import Foundation
import Postgres
import Testing

@Suite struct PostgresDatabaseTests {
    @Test(arguments: [
        ("SELECT ?, ?", "SELECT $1, $2"), ("SELECT ?2 - ?1 - ?1", "SELECT $2 - $1 - $1"), ("a = ?3 AND b = ?", "a = $3 AND b = $4"),
        ("a = '?' AND b = ?", "a = '?' AND b = $1"), ("a = 'it''s ?' AND b = ?12", "a = 'it''s ?' AND b = $12"), ("SELECT 1", "SELECT 1"),
    ])
    func `parameters get PostgreSQL's numbers, and text in quotes stays`(common: String, postgres: String) {
        #expect(PostgresDatabase.numbered(common) == postgres)
    }

    @Test(.enabled(if: TemporaryArchive.isPostgres, "Tests/postgres.sh starts a server"))
    func `both drivers have the same tables and columns`() async throws {
        let (place, folder) = (TemporaryArchive(), TemporaryArchive().location.folder)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let columns = try await place.open().names(
            "SELECT table_name || '.' || column_name FROM information_schema.columns WHERE table_schema = current_schema()")
        let expected = try await Archive(.sqlite(folder: folder)).names(
            """
            SELECT t.name || '.' || c.name FROM sqlite_master t, pragma_table_info(t.name) c WHERE t.type IN ('table', 'view') AND t.name NOT LIKE 'sqlite_%'
            """)
        #expect(columns.subtracting(expected) == ["archive_version.version"])
        #expect(expected.subtracting(columns).isEmpty)
    }
}

/// Needs a server: `Tests/postgres.sh`.
@Suite(.enabled(if: TemporaryArchive.isPostgres), .timeLimit(.minutes(1))) struct LostConnectionTests {
    private let place = TemporaryArchive()

    /// Ends the server process of an archive's connection, as a restart of the server does.
    private static func disconnect(_ database: any ArchiveDatabase) throws {
        let process = try database.integer("SELECT pg_backend_pid()") ?? 0
        let other = try PostgresConnection(try #require(TemporaryArchive.server), name: "test")
        _ = try other.query("SELECT pg_terminate_backend($1::integer)", [.integer(process)])
    }

    @Test func `after a lost connection one call fails, and the next one connects again`() async throws {
        let archive = try await place.open()
        _ = try await place.device(archive)
        let isRetryable = try await archive.perform { archive -> Bool? in
            try Self.disconnect(archive.database)
            do { _ = try archive.totals() } catch let error as any DatabaseFailure { return error.isRetryable }
            return nil
        }
        #expect(isRetryable == true)
        #expect(try await archive.totals().devices == 1)
    }

    @Test func `a transaction whose connection is lost stores nothing, before and after the loss`() async throws {
        let archive = try await place.open()
        let failures = try await archive.perform { archive -> Int in
            var failures = 0
            do {
                try archive.database.transaction {
                    try archive.database.run("INSERT INTO device (name, created_at_ms) VALUES ('before', 0)")
                    try Self.disconnect(archive.database)
                    for name in ["lost", "after"] {
                        do { try archive.database.run("INSERT INTO device (name, created_at_ms) VALUES (?, 0)", name) } catch { failures += 1 }
                    }
                }
            } catch is any DatabaseFailure { failures += 1 }
            return failures
        }
        #expect(failures == 3)
        #expect(try await archive.totals().devices == 0)
        _ = try await place.device(archive)
        #expect(try await archive.totals().devices == 1)
    }
}

extension Archive {
    fileprivate func names(_ sql: String) throws -> Set<String> { Set(try database.rows(sql).map { $0.text(0) }) }
}

@testable import Archive
import Foundation
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
        let (place, folder) = (TemporaryArchive(), TemporaryArchive().folder)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let columns = try await place.open().names(
            "SELECT table_name || '.' || column_name FROM information_schema.columns WHERE table_schema = current_schema()")
        let expected = try await Archive(folder: folder).names(
            """
            SELECT t.name || '.' || c.name FROM sqlite_master t, pragma_table_info(t.name) c WHERE t.type IN ('table', 'view') AND t.name NOT LIKE 'sqlite_%'
            """)
        #expect(columns.subtracting(expected) == ["archive_version.version"])
        #expect(expected.subtracting(columns).isEmpty)
    }
}

extension Archive {
    fileprivate func names(_ sql: String) throws -> Set<String> { Set(try database.rows(sql).map { $0.text(0) }) }
}

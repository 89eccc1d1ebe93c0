import ArchiveExamples
@testable import Archive
import Foundation
import Measures
import Postgres
import Testing
import Wire

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
            """
            SELECT c.table_name || '.' || c.column_name FROM information_schema.columns c
            JOIN pg_class t ON t.oid = (quote_ident(c.table_schema) || '.' || quote_ident(c.table_name))::regclass
            WHERE c.table_schema = current_schema() AND NOT t.relispartition
            """)
        let expected = try await Archive(.sqlite(folder: folder)).names(
            """
            SELECT t.name || '.' || c.name FROM sqlite_master t, pragma_table_info(t.name) c WHERE t.type IN ('table', 'view') AND t.name NOT LIKE 'sqlite_%'
            """)
        #expect(columns.subtracting(expected) == ["archive_version.version"])
        #expect(expected.subtracting(columns).isEmpty)
    }
}

/// Tests the migration of databases from older versions. The tests need a PostgreSQL server, which `Tests/postgres.sh` starts.
@Suite(.enabled(if: TemporaryArchive.isPostgres), .timeLimit(.minutes(1))) struct PostgresSchemaTests {
    private let place = TemporaryArchive()

    /// Makes the tables of version 7 with one device. The log has 30 readings, and 10 of these readings are in the observations.
    private func makeVersion7() throws -> PostgresConnection {
        try place.prepare()
        guard case .postgres(let address) = place.location.store else { throw CancellationError() }
        let connection = try PostgresConnection(address.text, name: "test")
        try connection.execute(PostgresSchema.version7)
        try connection.execute(
            """
            INSERT INTO archive_version VALUES (7);
            INSERT INTO device (id, name, created_at_ms) OVERRIDING SYSTEM VALUE VALUES (1, 'church', 1);
            INSERT INTO held VALUES (1, 5, 1, 30);
            INSERT INTO epoch VALUES (1, 5, 1);
            INSERT INTO sensor_name VALUES (1, 'air');
            UPDATE log_total SET batches = 3, readings = 30, bytes = 500 WHERE shard = 2;
            INSERT INTO device_log (device, last_batch, pending, through) VALUES (1, 3, 2, 1);
            INSERT INTO sensor (id, device, name, kind, driver, serial, place, step_s, observations, last_at_ms)
                VALUES (4, 1, 'air', 'unknown', '', '', '', 600, 1, 1600000800000);
            INSERT INTO observation_bin VALUES (4, 1600000800000, 10, 0, 450055, 45001, 45010, 0, 0, 0, 0, 0);
            INSERT INTO release VALUES (7, 'aa', 'm', 1, 's', '', '', '');
            INSERT INTO alias VALUES ('champion', 7);
            INSERT INTO alias_history (at_ms, name, counter, reason) VALUES (1, 'champion', 7, 'old'), (2, 'champion', 7, 'older');
            INSERT INTO run (started_at_ms, ended_at_ms, cause, snapshot, device_days, outcome, detail, release)
                VALUES (1, 2, 'new data', 's', 30, 'promoted', 'good', 7), (3, 4, 'new data', 't', 60, 'champion_kept', 'bad', NULL);
            """)
        // The second batch arrived while the server's clock was behind.
        for (id, range, receivedAt) in [(1, 1...10, 1_770_000_000_000), (2, 11...20, 1_650_000_000_000), (3, 21...30, 1_773_000_000_000)]
            as [(Int64, ClosedRange<Int64>, Int64)]
        {
            _ = try connection.query(
                "INSERT INTO batch (id, device, epoch, first, last, received_at_ms, readings, body) VALUES ($1, 1, 5, $2, $3, $4, 10, $5)",
                [.integer(id), .integer(range.lowerBound), .integer(range.upperBound), .integer(receivedAt), .bytes(try place.batch(range).binary())])
        }
        return connection
    }

    @Test func `a database of version 7 is migrated, and then stores and derives new batches`() async throws {
        _ = try makeVersion7()
        await #expect(throws: ArchiveFault.self) { _ = try await place.location.open(.readOnly) }
        let archive = try await Archive(place.location.store)
        let partitions = try await archive.names(
            "SELECT c.relname::text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE relkind = 'r' AND c.relnamespace = current_schema()::regnamespace"
        )
        #expect(partitions.isSuperset(of: ["batch_other", "batch_2026_01", "batch_2026_02", "batch_2026_03", "observation_bin_other"]))
        #expect(try await archive.names("SELECT 'in ' || received_at_ms::text FROM batch_other") == ["in 1650000000000"])
        #expect(try await archive.totals().readings == 30)
        // The old runs and the history stay, and new rows get new ids.
        let run = try await archive.startRun(kind: "training", cause: "manual", by: .named("nina"), now: place.now)
        #expect(run.id == 3 && run.createdAt == place.now)
        #expect(try await archive.runs(limit: 9).map(\.outcome) == ["", "champion_kept", "promoted"])
        #expect(try await archive.release(counter: 7)?.run == 1)
        try await archive.setAlias(
            .challenger, to: 7, by: Archive.Attribution(author: "nina", reason: "test"), now: place.now)
        #expect(try await archive.aliasHistory(limit: 9).map(\.reason) == ["test", "older", "old"])
        #expect(try await archive.months() == [1_650_000_000_000, 1_770_000_000_000, 1_773_000_000_000].map { LogMonth(of: Instant(ms: $0)).number })
        #expect(try await place.ingest(archive, 1, place.batch(25...40)).first?.through == 40)
        try await place.derive(archive)
        #expect(try await archive.totals().readings == 40)

        let (other, folder) = (TemporaryArchive(), TemporaryArchive().location.folder)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let plain = try await Archive(.sqlite(folder: folder))
        let device = try await other.device(plain)
        _ = try await other.ingest(plain, device, other.batch(1...40))
        try await other.derive(plain)
        let bins = try await plain.bins()
        // The migrated row of `observation_bin` has the sums of the readings 1 to 10. So the bins must equal the bins of a new archive.
        #expect(try await archive.bins() == bins)
        try await archive.requestRederivation(now: place.now)
        try await place.derive(archive)
        #expect(try await archive.bins() == bins)
    }

    @Test func `if two servers start at once, one of them migrates; a failed migration does not change the database`() async throws {
        let connection = try makeVersion7()
        try connection.execute("CREATE TABLE retention (other text)")
        await #expect(throws: (any Error).self) { _ = try await Archive(place.location.store) }
        #expect(try connection.query("SELECT version FROM archive_version").integer(0, 0) == 7)
        #expect(try connection.query("SELECT COUNT(*) FROM batch").integer(0, 0) == 3)
        try connection.execute("DROP TABLE retention")
        let store = place.location.store
        async let first = Archive(store)
        async let second = Archive(store)
        #expect(try await [first.totals().readings, second.totals().readings] == [30, 30])
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

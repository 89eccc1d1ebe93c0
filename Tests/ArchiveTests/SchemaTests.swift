import ArchiveExamples
import Foundation
import Measures
import SQLite
import Testing
import Wire

@testable import Archive

/// Archives that older and newer versions of the program have written.
@Suite(.timeLimit(.minutes(1))) struct SchemaTests {
    private let place = TemporaryArchive()
    private let folder = FileManager.default.temporaryDirectory.path + "/vaho-schema-\(UInt64.random(in: 0...(.max)))"

    /// Makes an archive of an older version, with one device and 30 readings, of which no observation is derived yet.
    private func makeArchive(version: Int) throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let connection = try Connection(path: folder + "/archive.sqlite")
        for step in ArchiveSchema.steps.prefix(version) { try connection.execute(step) }
        try connection.execute("PRAGMA user_version = \(version)")
        try connection.execute("INSERT INTO device (id, name, created_at_ms, last_seen_at_ms) VALUES (1, 'church', 1, 1)")
        for (id, range) in [(1, 1...20), (2, 21...30)] as [(Int, ClosedRange<Int64>)] {
            let body = try place.batch(range).binary().map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
            try connection.execute(
                """
                INSERT INTO batch (id, device, epoch, first, last, received_at_ms, readings, body)
                VALUES (\(id), 1, 5, \(range.lowerBound), \(range.upperBound), \(place.now.ms), \(range.count), x'\(body)')
                """)
        }
        try connection.execute("INSERT INTO held VALUES (1, 5, 1, 30)")
        if (2...7).contains(version) { try connection.execute("UPDATE log_total SET batches = 2, readings = 30, bytes = 500") }
        if version >= 8 { try connection.execute("INSERT INTO log_month VALUES (0, \(LogMonth(of: place.now).number), 2, 30, 500)") }
        if version >= 5 {
            try connection.execute(
                "INSERT INTO device_log (device, last_batch, pending) VALUES (1, 2, 2); INSERT INTO epoch (device, epoch, first_seen_at_ms) VALUES (1, 5, 1); "
                    + "INSERT INTO sensor_name VALUES (1, 'air')")
        }
    }

    @Test(arguments: 1..<ArchiveSchema.steps.count)
    func `an archive of an older version is migrated, and stores and derives further`(version: Int) async throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try makeArchive(version: version)
        let archive = try await Archive(.sqlite(folder: folder))
        let device = try #require(DeviceID("church"))
        let id = try #require(try await archive.device(named: device)).id
        #expect(try await place.ingest(archive, id, place.batch(25...40)).first?.through == 40)
        try await place.derive(archive)
        #expect(try await archive.totals().readings == 40)
        #expect(try await archive.months() == [LogMonth(of: place.now).number])

        let plain = try await place.open()
        let other = try await place.device(plain)
        _ = try await place.ingest(plain, other, place.batch(1...40))
        try await place.derive(plain)
        #expect(try await archive.bins() == plain.bins())

        let fresh = FileManager.default.temporaryDirectory.path + "/vaho-fresh-\(UInt64.random(in: 0...(.max)))"
        defer { try? FileManager.default.removeItem(atPath: fresh) }
        let schema = try await Archive(.sqlite(folder: fresh)).tables()
        #expect(try await archive.tables() == schema, "a migrated archive has the tables and indexes of a new one")
    }

    @Test func `a step of the migration that fails leaves the archive as it was`() async throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try makeArchive(version: 6)
        try Connection(path: folder + "/archive.sqlite").execute("CREATE TABLE signing_key (other TEXT)")
        await #expect(throws: SQLiteError.self) { _ = try await Archive(.sqlite(folder: folder)) }
        let connection = try Connection(path: folder + "/archive.sqlite")
        #expect(try connection.integer("PRAGMA user_version") == 6)
        #expect(try connection.integer("SELECT last FROM held") == 30)
        try connection.execute("DROP TABLE signing_key")
        #expect(try await Archive(.sqlite(folder: folder)).totals().readings == 30)
    }

    @Test func `a newer archive is refused, and the message says what to do`() async throws {
        let archive = try await place.open()
        let newer = ArchiveSchema.version + 1
        try await archive.setVersion(newer)
        let error = await #expect(throws: ArchiveFault.self) { _ = try await place.open() }
        #expect(error?.description.contains("has schema \(newer), this vaho-cloud supports schema \(ArchiveSchema.version)") == true)
        #expect(error?.description.contains("use the version that wrote the archive") == true)
    }
}

extension Archive {
    /// Tables and indexes with the names of their columns.
    fileprivate func tables() throws -> Set<String> {
        Set(
            try database.rows(
                """
                SELECT t.name, c.name FROM sqlite_master t, pragma_table_info(t.name) c WHERE t.type IN ('table', 'view')
                UNION ALL SELECT i.name, c.name FROM sqlite_master i, pragma_index_info(i.name) c WHERE i.type = 'index'
                """
            ).map { "\($0.text(0)) \($0.text(1))" })
    }

    /// The months of arrival that the totals of the log have.
    func months() throws -> [Int64] { try database.rows("SELECT DISTINCT month FROM log_month ORDER BY month").map { $0.integer(0) } }

    fileprivate func setVersion(_ version: Int64) throws {
        try database.run(TemporaryArchive.isPostgres ? "UPDATE archive_version SET version = \(version)" : "PRAGMA user_version = \(version)")
    }
}

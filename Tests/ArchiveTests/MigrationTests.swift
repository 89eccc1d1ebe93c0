import ArchiveExamples
import Foundation
import Measures
import Runtime
import Testing
import Wire

@testable import Archive

/// Copies between two archives: both in folders, or, beside a PostgreSQL server, between a folder and the server.
@Suite(.timeLimit(.minutes(2))) struct MigrationTests {
    private let place = TemporaryArchive()
    private let folder = FileManager.default.temporaryDirectory.path + "/vaho-migrated-\(UInt64.random(in: 0...(.max)))"

    /// An archive with something in most tables.
    private func filled() async throws -> Archive {
        let archive = try await place.open()
        for name in ["church", "tower-2", "attic"] {
            let device = try await place.device(archive, name)
            let air = try #require(SensorName("air"))
            let hole = Hole(sensor: air, reason: .sensorError, from: place.now, to: place.now + .seconds(60), count: 1)
            var batch = try place.batch(1...700)
            batch = Batch(
                epoch: batch.epoch, first: 1, sensors: batch.sensors,
                rows: batch.rows + [.record(.hole(hole)), .record(.sensor(SensorRecord(sensor: air, kind: "hwmon", step: .seconds(600))))])
            _ = try await place.ingest(archive, device, batch, place.batch(801...900), place.batch(1...5, epoch: 6))
            try await place.report(archive, device, at: place.now)
        }
        try await archive.requestRotation(try #require(DeviceID("church")), by: .named("nina"), now: place.now)
        _ = try await archive.makeCode(for: try #require(DeviceID("cellar")), validFor: .seconds(60), by: .named("nina"), now: place.now)
        _ = try await archive.registerSigningKey("00ff")
        try await place.derive(archive, limit: 500)
        try await archive.updateDeviceStates(now: place.now)
        _ = try await archive.advanceRetention(keep: .seconds(3_600), now: place.now)
        _ = try await archive.makeSnapshot(reason: "test", now: place.now)
        let run = try await archive.startRun(kind: "training", cause: "manual", by: .named("nina"), now: place.now)
        try await archive.beginStep("validate", inputs: "", of: run, now: place.now)
        try await archive.completeStep(of: run, detail: "done", now: place.now) { archive in
            try archive.setCandidate([1, 2, 3], sha256: "abc", of: run.id)
            try archive.setFigures([("train.seed", "1")], of: run.id)
        }
        try await archive.setDue("training", at: place.now)
        return archive
    }

    private func copy(_ source: Archive, _ target: Archive) async throws -> [ArchiveMigration.Comparison] {
        let migration = ArchiveMigration(from: source, to: target)
        try await migration.copy()
        let comparisons = try await migration.verify()
        await source.endClaim(.serving)
        await target.endClaim(.serving)
        return comparisons
    }

    @Test func `every table of a copied archive has the same content, and the copy stores and derives new batches`() async throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let source = try await filled()
        let target = try await Archive(.sqlite(folder: folder))
        let comparisons = try await copy(source, target)
        #expect(comparisons.filter { !$0.isEqual } == [])
        #expect(comparisons.filter { $0.source.rows > 0 }.count >= 21, "\(comparisons.map { ($0.table, $0.source.rows) })")
        #expect(try await target.totals() == source.totals())
        let months = try await source.months()
        #expect(try await target.months() == months && months == [LogMonth(of: place.now).number])
        #expect(try await target.bins() == source.bins())
        let cutoff = try await source.retentionCutoff()
        #expect(try await target.retentionCutoff() == cutoff && cutoff.ms > 0)
        try await target.checkMigration()

        // And back, into an archive of the first kind.
        let other = TemporaryArchive()
        let back = try await other.open()
        #expect(try await copy(target, back).filter { !$0.isEqual } == [])
        let tower = try #require(DeviceID("tower-2"))
        let device = try #require(try await back.device(named: tower)).id
        _ = try await place.ingest(back, device, place.batch(901...902))
        try await place.derive(back)
        let counts = try await (back.totals(), source.totals())
        #expect(counts.0.readings == counts.1.readings + 2)
    }

    @Test func `an interrupted migration continues after the last copied row, and no server uses the archive before it is complete`() async throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let source = try await filled()
        let target = try await Archive(.sqlite(folder: folder))
        try await target.beginMigration(from: source.store.description)
        for table in ArchiveTable.all {
            let limit = table.name == "batch" ? 2 : 1_000
            try await target.insert(source.rows(of: table, after: nil, limit: limit, bytes: .max), into: table)
            guard table.name != "batch" else { break }
        }
        await #expect(throws: ArchiveFault.unfinishedMigration(from: source.store.description)) { try await target.checkMigration() }
        #expect(try await copy(source, target).filter { !$0.isEqual } == [])
        try await target.checkMigration()
    }

    @Test func `an archive with data, and an archive in use, are refused`() async throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let source = try await filled()
        let target = try await Archive(.sqlite(folder: folder))
        _ = try await place.device(target)
        let taken = await #expect(throws: MigrationFailure.self) { try await ArchiveMigration(from: source, to: target).copy() }
        #expect(taken?.description.contains("already holds an archive") == true)
        let server = try await place.open()
        await source.endClaim(.serving)
        #expect(try await server.claim(.serving, isShared: true))
        let used = await #expect(throws: MigrationFailure.self) { try await ArchiveMigration(from: source, to: target).copy() }
        #expect(used?.description.contains("is in use by a server") == true)
    }

    @Test func `a changed row is found`() async throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let (source, target) = (try await filled(), try await Archive(.sqlite(folder: folder)))
        try await ArchiveMigration(from: source, to: target).copy()
        _ = try await target.perform {
            try $0.database.run("UPDATE observation_bin SET humidity_sum_mpct = humidity_sum_mpct + 1 WHERE readings = 10")
        }
        let comparisons = try await ArchiveMigration(from: source, to: target).verify()
        #expect(comparisons.filter { !$0.isEqual }.map(\.table) == ["observation_bin"])
        await #expect(throws: ArchiveFault.self) { try await target.checkMigration() }
    }

    @Test func `every table and every column of the schema is copied`() async throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let archive = try await Archive(.sqlite(folder: folder))
        let rows = try await archive.perform {
            try $0.database.rows(
                "SELECT t.name, c.name FROM sqlite_master t, pragma_table_info(t.name) c WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%'")
        }
        let columns = Set(rows.map { "\($0.text(0)).\($0.text(1))" }).filter { column in
            !["access_version", "log_month", "migration"].contains { column.hasPrefix("\($0).") }
        }
        #expect(Set(ArchiveTable.all.flatMap { table in table.columns.map { "\(table.name).\($0)" } }) == columns)
    }
}

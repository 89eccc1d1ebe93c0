import ArchiveExamples
import Measures
import Testing
import Wire

@testable import Archive

@Suite(.timeLimit(.minutes(1))) struct PackedWeekTests {
    private static let monday = Instant(ms: 1_700_438_400_000)  // 20 November 2023, 00:00 UTC

    @Test func `a week begins after midnight of Monday and ends with the midnight after Sunday`() {
        let week = PackedWeek.week(of: Self.monday + .seconds(600))
        #expect(PackedWeek.week(of: Self.monday) == week - 1)
        #expect(PackedWeek.week(of: Self.monday + .seconds(7 * 86_400)) == week)
        #expect(PackedWeek.span(of: week).after == Self.monday && PackedWeek.span(of: week).through == Self.monday + .seconds(7 * 86_400))
    }

    @Test func `packed observations are read back, rounded to thousandths`() throws {
        var observations: [Observation] = []
        for bin in 1...1_008 where bin % 7 != 3 {
            let humidity = Double(bin * 7_919 % 100_000) / 1_000 + 0.0004
            let temperature = bin % 5 == 0 ? nil : Temperature(celsius: Double(bin % 400 - 150) / 10)
            observations.append(
                Observation(
                    validAt: Self.monday + .seconds(Int64(bin) * 600), humidity: RelativeHumidity(percent: humidity), temperature: temperature))
        }
        let week = PackedWeek.week(of: observations[0].validAt)
        let bytes = PackedWeek(week: week, observations: observations).bytes
        let read = try PackedWeek(bytes)
        #expect(read.week == week && read.observations.map(\.validAt) == observations.map(\.validAt))
        #expect(zip(read.observations, observations).allSatisfy { ($0.humidity.percent - $1.humidity.percent).magnitude < 0.0006 })
        #expect(read.observations.map { $0.temperature?.celsius } == observations.map { $0.temperature?.celsius })
        #expect(PackedWeek(week: week, observations: read.observations).bytes == bytes, "packing what was read gives the same bytes")
        #expect(bytes.count < 8 * observations.count)
        for length in [0, 1, 5, bytes.count - 1] { #expect(throws: (any Error).self) { _ = try PackedWeek(Array(bytes.prefix(length))) } }
    }
}

@Suite(.timeLimit(.minutes(1))) struct SnapshotTests {
    private let place = TemporaryArchive()

    /// Readings of each minute, from one minute number to another.
    private func send(_ archive: Archive, _ device: Int64, _ sequences: ClosedRange<Int64>, value: Int32 = 45_000, epoch: UInt64 = 5) async throws {
        for first in stride(from: sequences.lowerBound, through: sequences.upperBound, by: 5_000) {
            let part = first...min(sequences.upperBound, first + 4_999)
            _ = try await place.ingest(archive, device, place.batch(part, value: value, epoch: epoch))
        }
        try await place.derive(archive, limit: 5_000)
    }

    private func snapshot(_ archive: Archive) async throws -> Archive.Snapshot { try await archive.makeSnapshot(reason: "test", now: place.now) }

    private func content(_ archive: Archive, _ snapshot: Archive.Snapshot) async throws -> [[Observation]] {
        var content: [[Observation]] = []
        for sensor in try await archive.sensors(of: snapshot) { content.append(try await archive.observations(of: sensor)) }
        return content
    }

    @Test func `the same observations give the same snapshot, and late readings a new one, without a change of the old`() async throws {
        let archive = try await place.open()
        let (church, tower) = (try await place.device(archive, "church"), try await place.device(archive, "tower"))
        try await send(archive, church, 1...20_000)  // two weeks
        try await send(archive, tower, 1...700)
        let first = try await snapshot(archive)
        #expect(first.sensors == 2 && first.weeks == 5 && first.observations > 2_000)
        #expect(first.sha256.count == 64)
        let before = try await content(archive, first)
        #expect(before.map(\.count).reduce(0, +) == Int(first.observations))
        let again = try await snapshot(archive)
        #expect(again == first)

        // A late reading in a bin of the first week.
        try await send(archive, church, 90...90, value: 60_000, epoch: 6)
        let second = try await snapshot(archive)
        #expect(second.sha256 != first.sha256 && second.observations == first.observations)
        let differences = try await archive.differences(from: first, to: second)
        #expect(differences.map { "\($0.device)/\($0.sensor) \($0.kind) \($0.weeks) \($0.observations)" } == ["church/air changed 1 0"])
        #expect(try await content(archive, first) == before)
        #expect(try await content(archive, second) != before)
        #expect(try await archive.differences(from: second, to: second) == [])

        let belfry = try await place.device(archive, "belfry")
        try await send(archive, belfry, 1...700)
        let third = try await snapshot(archive)
        #expect(try await archive.differences(from: second, to: third).map(\.kind) == [.added])
        #expect(try await archive.differences(from: third, to: second).map(\.kind) == [.removed])
        #expect(try await archive.snapshots().map(\.sha256) == [third, second, first].map(\.sha256))
        #expect(try await archive.snapshots(prefix: String(first.sha256.prefix(20))).map(\.sha256) == [first.sha256])
        #expect(try await archive.snapshots(prefix: "%").isEmpty)
    }

    @Test func `a rebuild from the log gives the same snapshot`() async throws {
        let archive = try await place.open()
        let church = try await place.device(archive, "church")
        try await send(archive, church, 1...12_000)
        let before = try await snapshot(archive)
        try await archive.requestRederivation(now: place.now)
        try await place.derive(archive, limit: 5_000)
        #expect(try await snapshot(archive) == before)
    }

    @Test func `weeks are packed when they have ended, each once`() async throws {
        let archive = try await place.open()
        let church = try await place.device(archive, "church")
        try await send(archive, church, 1...20_000)
        let newest = try #require(try await archive.sensors().first?.lastAt)
        var packed: [Int] = []
        repeat { packed.append(try await archive.packWeeks(endedBefore: newest, limit: 1)) } while packed.last != 0
        #expect(packed == [1, 1, 0], "two weeks have ended, the third has not")
    }

    @Test func `a cleanup keeps the newest snapshots and snapshots of releases, and deletes weeks that no kept snapshot uses`() async throws {
        let archive = try await place.open()
        let church = try await place.device(archive, "church")
        try await send(archive, church, 1...9_000)
        let first = try await snapshot(archive)
        try await archive.pretendRelease(of: first.sha256)
        try await send(archive, church, 90...90, value: 60_000, epoch: 6)
        _ = try await snapshot(archive)
        try await send(archive, church, 91...91, value: 61_000, epoch: 7)
        let third = try await snapshot(archive)
        let kept = try await content(archive, first)
        let cleanup = try await archive.deleteSnapshots(except: 1)
        #expect(cleanup == Archive.SnapshotCleanup(snapshots: 1, weeks: 1))
        #expect(try await archive.snapshots().map(\.sha256) == [third.sha256, first.sha256])
        #expect(try await content(archive, first) == kept)
        #expect(try await content(archive, third).first?.count == kept.first?.count)
        let damaged = try #require(try await archive.sensorWithMissingWeek())
        await #expect(throws: ArchiveFault.self) { _ = try await archive.observations(of: damaged) }
        #expect(try await archive.deleteSnapshots(except: 1) == Archive.SnapshotCleanup())
    }

    @Test func `a snapshot that was not completed is not listed, and the next snapshot deletes it`() async throws {
        let archive = try await place.open()
        let church = try await place.device(archive, "church")
        try await send(archive, church, 1...700)
        try await archive.beginUnfinishedSnapshot()
        #expect(try await archive.snapshots().isEmpty)
        let made = try await snapshot(archive)
        #expect(try await archive.snapshots() == [made])
        #expect(try await archive.snapshotRows() == 1)
    }

    @Test func `only one program at a time makes or deletes snapshots`() async throws {
        let archive = try await place.open()
        let other = try await place.open()
        #expect(try await other.claim(.snapshots))
        await #expect(throws: Archive.SnapshotsBusy.self) { _ = try await archive.makeSnapshot(reason: "", now: place.now, patience: .zero) }
        await #expect(throws: Archive.SnapshotsBusy.self) { _ = try await archive.deleteSnapshots(except: 0, patience: .zero) }
        await other.endClaim(.snapshots)
        _ = try await archive.makeSnapshot(reason: "", now: place.now)
    }
}

extension Archive {
    fileprivate func pretendRelease(of snapshot: String) throws {
        try database.run(
            "INSERT INTO release (counter, sha256, model_id, created_at_ms, snapshot, parent, backtest, body) VALUES (1, 'a', 'm', 1, ?, '', '', ?)",
            snapshot, [1] as [UInt8])
    }

    fileprivate func beginUnfinishedSnapshot() throws { try database.run("INSERT INTO snapshot (created_at_ms, reason) VALUES (1, 'killed')") }

    fileprivate func snapshotRows() throws -> Int64? { try database.integer("SELECT COUNT(*) FROM snapshot") }

    /// A sensor of the newest snapshot, with a week that is not stored.
    fileprivate func sensorWithMissingWeek() throws -> SnapshotSensor? {
        guard let sensor = try sensors(of: try snapshots()[0]).first,
            let lost = try database.row("SELECT week FROM packed_week LIMIT 1")
        else { return nil }
        var weeks = SnapshotWeeks()
        weeks.weeks = [SnapshotWeeks.Week(week: lost.integer(0), observations: 1, sha256: String(repeating: "0", count: 64))]
        try database.run("UPDATE snapshot_sensor SET body = ? WHERE snapshot = ?", weeks.bytes, sensor.ids.snapshot)
        return sensor
    }
}

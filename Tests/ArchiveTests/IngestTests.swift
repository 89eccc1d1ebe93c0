import Archive
import Foundation
import Measures
import Observing
import Testing
import Wire

final class TemporaryArchive {
    let folder = FileManager.default.temporaryDirectory.path + "/vaho-archive-\(UInt64.random(in: 0...(.max)))"
    deinit { try? FileManager.default.removeItem(atPath: folder) }

    func open() async throws -> Archive { try await Archive(folder: folder) }

    func device(_ archive: Archive, _ name: String = "church") async throws -> Int64 {
        let name = try #require(DeviceID(name))
        _ = try await archive.addDevice(name, now: now)
        return try #require(try await archive.device(named: name)).id
    }

    let now = Instant(ms: 1_700_000_000_000)

    func batch(_ sequences: ClosedRange<Int64>, value: Int32 = 45_000, epoch: UInt64 = 5) throws -> Batch {
        let air = try #require(SensorName("air"))
        let rows = sequences.map {
            Batch.Row.reading(sensor: 0, Reading(takenAt: Instant(ms: 1_600_000_200_000 + $0 * 60_000), humidityMpct: value + Int32($0)))
        }
        return Batch(epoch: Epoch(bits: epoch), first: sequences.lowerBound, sensors: [air], rows: rows)
    }

    func ingest(_ archive: Archive, _ device: Int64, _ batches: Batch...) async throws -> [Answer] {
        try await archive.ingest(batches.map { Archive.Arrival(device: device, batch: $0, receivedAt: now) }, pace: Archive.Pace())
    }
}

@Suite struct IngestTests {
    private let place = TemporaryArchive()

    @Test func `batches in any order, overlapping and repeated, are stored once`() async throws {
        let archive = try await place.open()
        let device = try await place.device(archive)
        for range in [50...60, 1...20, 15...55, 1...20, 61...61] as [ClosedRange<Int64>] {
            let answers = try await place.ingest(archive, device, place.batch(range))
            #expect(answers.first?.conflicts.isEmpty == true)
        }
        #expect(try await archive.totals().readings == 61)
        #expect(try await archive.heldRanges(device, Epoch(bits: 5)).ranges == [1...61])
        let sensor = try #require(try await archive.sensors().first)
        let observations = try await archive.observations(sensor: sensor.id)
        #expect(observations.count == 7)
        #expect(observations.first?.humidity.percent == 45.006)  // of the sequences 1 to 10
    }

    @Test func `the answer says how far and what is held beyond`() async throws {
        let archive = try await place.open()
        let device = try await place.device(archive)
        let answers = try await place.ingest(archive, device, place.batch(1...10), place.batch(21...30), place.batch(41...41))
        #expect(answers.map(\.through) == [10, 10, 10])
        #expect(answers.last?.held == [21...30, 41...41])
    }

    @Test func `other content under a name that is taken is a conflict and costs nothing`() async throws {
        let archive = try await place.open()
        let device = try await place.device(archive)
        _ = try await place.ingest(archive, device, place.batch(1...10))
        let answer = try #require(try await place.ingest(archive, device, place.batch(8...12, value: 50_000)).first)
        #expect(answer.conflicts == [8, 9, 10])
        #expect(answer.through == 12)
        #expect(try await archive.totals().readings == 12)
        #expect(try await place.ingest(archive, device, place.batch(1...10)).first?.conflicts == [])
    }

    @Test func `two devices and two epochs do not meet`() async throws {
        let archive = try await place.open()
        let (a, b) = (try await place.device(archive, "a"), try await place.device(archive, "b"))
        _ = try await place.ingest(archive, a, place.batch(1...5))
        _ = try await place.ingest(archive, b, place.batch(1...5, value: 60_000))
        #expect(try await place.ingest(archive, a, place.batch(1...5, value: 61_000, epoch: 6)).first?.conflicts == [])
        #expect(try await archive.totals().readings == 15)
    }

    @Test func `a reading from the future is refused alone and settled`() async throws {
        let archive = try await place.open()
        let device = try await place.device(archive)
        var batch = try place.batch(1...5)
        batch.rows[2] = .reading(sensor: 0, Reading(takenAt: place.now + .seconds(90_000), humidityMpct: 1))
        let answer = try #require(try await place.ingest(archive, device, batch).first)
        #expect(answer.refused == [.init(sequence: 3, reason: .future)])
        #expect(answer.through == 5)
        #expect(try await archive.totals().readings == 4)
        #expect(try await place.ingest(archive, device, batch).first?.refused == [])
    }

    @Test func `records make sensors and holes, and what was evicted is never waited for`() async throws {
        let archive = try await place.open()
        let device = try await place.device(archive)
        let air = try #require(SensorName("air"))
        let hole = Hole(sensor: nil, reason: .evictedBySize, from: Instant(ms: 1), to: Instant(ms: 2), count: 40, sequences: 1...40)
        let record = SensorRecord(sensor: air, kind: "hwmon", driver: "sht4x", place: "crypt", step: .seconds(3_600))
        let batch = Batch(epoch: Epoch(bits: 5), first: 41, sensors: [], rows: [.record(.sensor(record)), .record(.hole(hole))])
        let answer = try #require(try await place.ingest(archive, device, batch).first)
        #expect(answer.through == 42)
        let sensor = try #require(try await archive.sensors().first)
        #expect(sensor.place == "crypt" && sensor.grid == .hourly)
        #expect(try await archive.holes(of: device, limit: 9).map(\.count) == [40])
    }

    @Test func `late data joins its bin`() async throws {
        let archive = try await place.open()
        let device = try await place.device(archive)
        _ = try await place.ingest(archive, device, place.batch(6...7))
        _ = try await place.ingest(archive, device, place.batch(1...5))
        let sensor = try #require(try await archive.sensors().first)
        #expect(try await archive.observations(sensor: sensor.id).map(\.humidity.percent) == [45.004])
    }

    @Test func `a report without rows is taken, and everything is there after a restart`() async throws {
        let device: Int64
        do {
            let archive = try await place.open()
            device = try await place.device(archive)
            let report = DeviceReport(release: nil, backlog: 3, evicted: 0, refused: 0, clock: .holdover, scores: [])
            let batch = Batch(epoch: Epoch(bits: 5), first: 1, sensors: [], rows: [], report: report)
            #expect(try await place.ingest(archive, device, batch).first?.through == 0)
            _ = try await place.ingest(archive, device, place.batch(1...5))
        }
        let again = try await place.open()
        #expect(try await again.report(of: device)?.backlog == 3)
        #expect(try await again.totals().readings == 5)
        #expect(try await place.ingest(again, device, place.batch(1...5)).first?.through == 5)
        #expect(try await again.totals().readings == 5)
    }
}

@Suite struct DeviceTests {
    private let place = TemporaryArchive()

    @Test func `a token opens one device; a revoked one is known as such; a new one replaces it`() async throws {
        let archive = try await place.open()
        let name = try #require(DeviceID("church"))
        let token = try await archive.addDevice(name, now: place.now)
        #expect(try await archive.device(withToken: token)?.name == name)
        #expect(try await archive.device(withToken: "x") == nil)
        await #expect(throws: ArchiveFault.self) { try await archive.addDevice(name, now: place.now) }
        try await archive.revoke(name, now: place.now)
        #expect(try await archive.device(withToken: token)?.revokedAt == place.now)
        let fresh = try await archive.addDevice(name, now: place.now)
        #expect(try await archive.device(withToken: token) == nil)
        #expect(try await archive.device(withToken: fresh)?.revokedAt == nil)
    }

    @Test func `a counter is above all before and at least the time in seconds`() async throws {
        let archive = try await place.open()
        #expect(try await archive.nextCounter(now: place.now) == 1_700_000_000)
    }
}

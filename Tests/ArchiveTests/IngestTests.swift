import ArchiveExamples
import Foundation
import Measures
import Observing
import Testing
import Wire

@testable import Archive

@Suite struct IngestTests {
    private let place = TemporaryArchive()

    @Test func `batches in any order, overlapping or repeated, are stored once`() async throws {
        let archive = try await place.open()
        let device = try await place.device(archive)
        for range in [50...60, 1...20, 15...55, 1...20, 61...61] as [ClosedRange<Int64>] {
            let answers = try await place.ingest(archive, device, place.batch(range))
            #expect(answers.first?.conflicts.isEmpty == true)
        }
        #expect(try await archive.totals().readings == 61)
        #expect(try await archive.heldRanges(device, Epoch(bits: 5)).ranges == [1...61])
        try await place.derive(archive)
        let sensor = try #require(try await archive.sensors().first)
        let observations = try await archive.observations(of: sensor)
        #expect(observations.count == 7)
        #expect(observations.first?.humidity.percent == 45.006)  // the mean of sequences 1 to 10
    }

    @Test func `an answer reports the highest contiguous sequence and the ranges held beyond it`() async throws {
        let archive = try await place.open()
        let device = try await place.device(archive)
        let answers = try await place.ingest(archive, device, place.batch(1...10), place.batch(21...30), place.batch(41...41))
        #expect(answers.map(\.through) == [10, 10, 10])
        #expect(answers.last?.held == [21...30, 41...41])
    }

    @Test func `different content under an existing sequence is a conflict, and the stored rows stay unchanged`() async throws {
        let archive = try await place.open()
        let device = try await place.device(archive)
        _ = try await place.ingest(archive, device, place.batch(1...10))
        let answer = try #require(try await place.ingest(archive, device, place.batch(8...12, value: 50_000)).first)
        #expect(answer.conflicts == [8, 9, 10])
        #expect(answer.through == 12)
        #expect(try await archive.totals().readings == 12)
        #expect(try await place.ingest(archive, device, place.batch(1...10)).first?.conflicts == [])
    }

    @Test func `two devices or two epochs with the same sequences do not conflict`() async throws {
        let archive = try await place.open()
        let (a, b) = (try await place.device(archive, "a"), try await place.device(archive, "b"))
        _ = try await place.ingest(archive, a, place.batch(1...5))
        _ = try await place.ingest(archive, b, place.batch(1...5, value: 60_000))
        #expect(try await place.ingest(archive, a, place.batch(1...5, value: 61_000, epoch: 6)).first?.conflicts == [])
        #expect(try await archive.totals().readings == 15)
    }

    @Test func `a reading with an impossible time is refused alone, and its sequence counts as held`() async throws {
        let archive = try await place.open()
        let device = try await place.device(archive)
        var batch = try place.batch(1...5)
        batch.rows[2] = .reading(sensor: 0, Reading(takenAt: Instant(ms: -5), humidityMpct: 1))
        let answer = try #require(try await place.ingest(archive, device, batch).first)
        #expect(answer.refused == [.init(sequence: 3, reason: .malformed)])
        #expect(answer.through == 5)
        #expect(try await archive.totals().readings == 4)
        #expect(try await place.ingest(archive, device, batch).first?.refused == [])
    }

    @Test func `a reading from the future is stored, and becomes an observation only after its time is corrected`() async throws {
        let archive = try await place.open()
        let device = try await place.device(archive)
        var batch = try place.batch(1...2)
        let ahead = Reading(takenAt: place.now + .seconds(90_000), humidityMpct: 51_000, boot: 9, boottimeMs: 600_000)
        batch.rows[1] = .reading(sensor: 0, ahead)
        #expect(try await place.ingest(archive, device, batch).first?.through == 2)
        try await place.derive(archive)
        let sensor = try #require(try await archive.sensors().first)
        #expect(try await archive.observations(of: sensor).count == 1)
        let correction = ClockCorrection(boot: 9, boottimeMs: 0...700_000, offset: .milliseconds(1_600_010_000_000))
        let later = Batch(epoch: batch.epoch, first: 3, sensors: [], rows: [.record(.clockCorrection(correction))])
        _ = try await place.ingest(archive, device, later)
        try await place.derive(archive)
        #expect(try await archive.observations(of: sensor).map(\.humidity.percent) == [45.001, 51])
    }

    @Test func `a clock correction of the replaying host does not move a replayed recording`() async throws {
        let archive = try await place.open()
        let device = try await place.device(archive)
        var batch = try place.batch(1...3)
        let at = Instant(ms: 1_500_000_000_000)
        // Also in the form that an earlier agent sends: with the host's own boot number and running time.
        batch.rows[1] = .reading(sensor: 0, Reading(takenAt: at, humidityMpct: 51_000, flags: .replayed, boot: 9, boottimeMs: 600_000))
        batch.rows[2] = .reading(sensor: 0, Reading(takenAt: at + .seconds(3_600), humidityMpct: 52_000, boot: 0, boottimeMs: 600_001))
        _ = try await place.ingest(archive, device, batch)
        let corrections: [Batch.Row] = [9, 0].map { boot in
            .record(.clockCorrection(ClockCorrection(boot: boot, boottimeMs: 0...700_000, offset: .milliseconds(1_600_010_000_000))))
        }
        _ = try await place.ingest(archive, device, Batch(epoch: batch.epoch, first: 4, sensors: [], rows: corrections))
        try await place.derive(archive)
        let sensor = try #require(try await archive.sensors().first)
        let observed = try await archive.observations(of: sensor).prefix(2).map(\.validAt.ms)
        #expect(observed.count == 2 && zip(observed, [at.ms, at.ms + 3_600_000]).allSatisfy { (0...3_600_000).contains($0 - $1) }, "\(observed)")
    }

    @Test func `records create sensors and holes, and evicted sequences count as held`() async throws {
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

    @Test func `rows that a restored store already sent under a new epoch are not stored again under the old epoch`() async throws {
        let archive = try await place.open()
        let device = try await place.device(archive)
        _ = try await place.ingest(archive, device, place.batch(1...10))
        let mine = try place.batch(1...10, value: 50_000)
        _ = try await place.ingest(archive, device, mine)
        _ = try await place.ingest(archive, device, Batch(epoch: Epoch(bits: 77), first: 1, sensors: mine.sensors, rows: Array(mine.rows[..<6])))
        #expect(try await place.ingest(archive, device, mine).first?.conflicts == [7, 8, 9, 10])
        #expect(try await archive.totals().readings == 16)
    }

    @Test func `a repeated row is recognised however many batches of later boots were stored since`() async throws {
        let archive = try await place.open()
        let device = try await place.device(archive)
        _ = try await place.ingest(archive, device, place.batch(1...4))
        let mine = try place.batch(1...4, value: 50_000)
        _ = try await place.ingest(archive, device, Batch(epoch: Epoch(bits: 77), first: 1, sensors: mine.sensors, rows: mine.rows))
        for start in stride(from: 5, to: 2_005, by: 500) as StrideTo<Int64> {
            let later = try (start..<(start + 500)).map { number in
                let reading = Reading(takenAt: place.now, humidityMpct: 40_000, boot: 1_000, boottimeMs: number)
                let batch = Batch(epoch: Epoch(bits: 77), first: number, sensors: mine.sensors, rows: [.reading(sensor: 0, reading)])
                return Archive.Submission.batch(try BatchArrival(device: device, batch: batch, receivedAt: place.now))
            }
            _ = try await place.submit(archive, later)
        }
        #expect(try await place.ingest(archive, device, mine).first?.conflicts == [])
        #expect(try await archive.totals().readings == 2_008)
    }

    @Test func `a row that a hole of another epoch declared lost is stored if it arrives later`() async throws {
        let archive = try await place.open()
        let device = try await place.device(archive)
        let hole = Hole(
            sensor: nil, reason: .storeRepaired, from: Instant(ms: 1), to: Instant(ms: 2), count: 5, sequences: 1...5, epoch: Epoch(bits: 5))
        _ = try await place.ingest(archive, device, Batch(epoch: Epoch(bits: 6), first: 1, sensors: [], rows: [.record(.hole(hole))]))
        #expect(try await archive.heldRanges(device, Epoch(bits: 5)).ranges == [1...5])
        #expect(try await place.ingest(archive, device, place.batch(3...8)).first?.conflicts == [])
        #expect(try await place.ingest(archive, device, place.batch(3...8)).first?.through == 8)
        #expect(try await archive.totals().readings == 6)
    }

    @Test func `a late reading is added to its bin`() async throws {
        let archive = try await place.open()
        let device = try await place.device(archive)
        _ = try await place.ingest(archive, device, place.batch(6...7))
        try await place.derive(archive)
        _ = try await place.ingest(archive, device, place.batch(1...5))
        try await place.derive(archive)
        let sensor = try #require(try await archive.sensors().first)
        #expect(try await archive.observations(of: sensor).map(\.humidity.percent) == [45.004])
    }

    @Test func `a report without rows is accepted, and reports and readings survive a restart`() async throws {
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
        #expect(try await again.fleet(after: nil, limit: 9, now: Instant(ms: 0)).devices.first?.report?.backlog == 3)
        #expect(try await again.totals().readings == 5)
        #expect(try await place.ingest(again, device, place.batch(1...5)).first?.through == 5)
        #expect(try await again.totals().readings == 5)
    }
}

@Suite struct PlainReadingTests {
    private let place = TemporaryArchive()

    private func send(_ archive: Archive, _ device: Int64, _ readings: [SensorReading]) async throws -> [Archive.PlainReceipt.Outcome] {
        let arrival = Archive.PlainArrival(device: device, readings: readings, receivedAt: place.now)
        guard case .plain(let receipt)? = try await place.submit(archive, [.plain(arrival)]).first?.get() else { return [] }
        return receipt.outcomes
    }

    @Test func `readings without sequences are identified by sensor and time`() async throws {
        let archive = try await place.open()
        let device = try await place.device(archive)
        func plain(_ sensor: String, _ minute: Int64, _ mpct: Int32) throws -> SensorReading {
            SensorReading(
                sensor: try #require(SensorName(sensor)),
                reading: Reading(takenAt: Instant(ms: 1_600_000_200_000 + minute * 60_000), humidityMpct: mpct))
        }
        let first = try [plain("a", 1, 40_000), plain("a", 2, 41_000), plain("b", 1, 50_000)]
        #expect(try await send(archive, device, first) == [.stored, .stored, .stored])
        #expect(try await send(archive, device, first + [plain("b", 2, 52_000)]) == [.duplicate, .duplicate, .duplicate, .stored])
        // A different value at a stored time is a conflict, not a repeat.
        #expect(try await send(archive, device, [plain("a", 2, 41_500), plain("a", 2, 41_000)]) == [.conflict, .duplicate])
        try await place.derive(archive)
        let sensors = try await archive.sensors()
        #expect(sensors.map(\.name.name) == ["a", "b"])
        #expect(try await archive.observations(of: sensors[1]).map(\.humidity.percent) == [51])
        #expect(try await archive.heldRanges(device, .server).ranges == [1...4])
        #expect(try await archive.totals().readings == 4)
    }
}

@Suite struct DeviceTests {
    private let place = TemporaryArchive()

    @Test func `a token opens one device, a revoked token is recognised, and a new token replaces it`() async throws {
        let archive = try await place.open()
        let name = try #require(DeviceID("church"))
        let token = try await archive.addDevice(name, by: .named("nina"), now: place.now)
        #expect(try await archive.device(withToken: token)?.device.name == name)
        #expect(try await archive.device(withToken: "x") == nil)
        await #expect(throws: ArchiveFault.deviceExists(name)) { try await archive.addDevice(name, by: .named("nina"), now: place.now) }
        try await archive.revoke(name, by: .named("nina"), now: place.now)
        #expect(try await archive.device(withToken: token)?.device.revokedAt == place.now)
        let fresh = try await archive.addDevice(name, by: .named("nina"), now: place.now)
        #expect(try await archive.device(withToken: token) == nil)
        #expect(try await archive.device(withToken: fresh)?.device.revokedAt == nil)
    }

    @Test func `a new token is valid at once, and the old token stays valid until the new one is used`() async throws {
        let archive = try await place.open()
        let name = try #require(DeviceID("church"))
        let old = try await archive.addDevice(name, by: .named("nina"), now: place.now)
        let device = try #require(try await archive.device(withToken: old)).device
        let lost = try await archive.rotate(old, of: device.id, now: place.now)  // the device never receives this answer
        let fresh = try await archive.rotate(old, of: device.id, now: place.now)
        #expect(try await archive.device(withToken: lost) == nil)
        #expect(try await archive.device(withToken: old)?.isNew == false)
        #expect(try await archive.device(withToken: fresh)?.isNew == true)
        try await archive.markUsed(fresh, now: place.now)
        #expect(try await archive.device(withToken: old) == nil)
        #expect(try await archive.device(withToken: fresh)?.isNew == false)
    }

    @Test func `an enrolment code registers a device until the token is used or the code expires`() async throws {
        let archive = try await place.open()
        let name = try #require(DeviceID("cellar"))
        let code = try await archive.makeCode(for: name, validFor: .seconds(60), by: .named("nina"), now: place.now)
        #expect(try await archive.enrol(code: "00000-00000", from: "192.0.2.9", now: place.now) == nil)
        #expect(try await archive.enrol(code: code, from: "192.0.2.9", now: place.now + .seconds(61)) == nil)
        let first = try #require(try await archive.enrol(code: code, from: "192.0.2.9", now: place.now))
        // The answer was lost: the code is valid once more, and the first token is invalid.
        let second = try #require(
            try await archive.enrol(code: code.lowercased().replacingOccurrences(of: "-", with: ""), from: "192.0.2.9", now: place.now))
        #expect(first.device == name && second.device == name)
        #expect(try await archive.device(withToken: first.token) == nil)
        try await archive.markUsed(second.token, now: place.now)
        try await archive.revoke(name, by: .named("nina"), now: place.now)
        let again = try await archive.makeCode(for: name, validFor: .seconds(60), by: .named("nina"), now: place.now)
        let back = try #require(try await archive.enrol(code: again, from: "192.0.2.9", now: place.now))
        #expect(try await archive.device(withToken: second.token) == nil)  // revoked stays revoked
        #expect(try await archive.device(withToken: back.token)?.device.revokedAt == nil)
        #expect(try await archive.enrol(code: code, from: "192.0.2.9", now: place.now) == nil)
    }

    @Test func `a silent device raises one alarm, and the alarm ends when the device reports again`() async throws {
        let archive = try await place.open()
        let device = try await place.device(archive)
        try await place.report(archive, device, at: place.now)
        func watch(after seconds: Int64, up: Int64 = -1_000) async throws -> [Archive.Alarm] {
            try await archive.updateSilenceAlarms(.seconds(300), serverStartedAt: place.now + .seconds(up), now: place.now + .seconds(seconds))
            return try await archive.undeliveredAlarms()
        }
        #expect(try await watch(after: 299).isEmpty)
        #expect(try await watch(after: 301, up: 200).isEmpty)  // the server itself was down
        let raised = try await watch(after: 301)
        #expect(raised.map(\.since) == [place.now] && raised.first?.endedAt == nil)
        #expect(try await watch(after: 400) == raised)  // repeated until it is delivered
        try await archive.markDelivered(try #require(raised.first))
        #expect(try await watch(after: 500).isEmpty)
        try await place.report(archive, device, at: place.now + .seconds(600))
        let ended = try await watch(after: 601)
        #expect(ended.count == 1 && ended.first?.endedAt == place.now + .seconds(601))
        try await archive.markDelivered(try #require(ended.first))
        #expect(try await watch(after: 700).isEmpty)
    }

    @Test func `a release counter is at least the Unix time in seconds`() async throws {
        let archive = try await place.open()
        #expect(try await archive.nextCounter(now: place.now) == 1_700_000_000)
    }
}

extension Archive {
    func bins() throws -> [String] {
        try database.rows(
            """
            SELECT s.name, b.valid_at_ms, b.readings, b.failed, b.humidity_sum_mpct, b.humidity_min_mpct, b.humidity_max_mpct, b.temperature_readings,
                b.temperature_sum_mc, b.pressure_readings, b.pressure_sum_pa, b.flags
            FROM observation_bin b JOIN sensor s ON s.device = b.device AND s.id = b.sensor ORDER BY s.device, s.name, b.valid_at_ms
            """
        ).map { row in "\(row.text(0)) " + (1..<12).map { String(row.integer($0)) }.joined(separator: " ") }
    }
}

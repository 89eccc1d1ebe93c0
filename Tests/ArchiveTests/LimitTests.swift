import ArchiveExamples
@testable import Archive
import Foundation
import Measures
import Runtime
import Testing
import Wire

/// Limits on what one device may store, and the cost of the worst input from one device.
@Suite struct LimitTests {
    private let place = TemporaryArchive()

    private func archive(_ change: (inout ArchiveLimits) -> Void = { _ in }) async throws -> (Archive, device: Int64) {
        var limits = ArchiveLimits()
        change(&limits)
        let archive = try await place.open(limits: limits)
        return (archive, try await place.device(archive))
    }

    private func holes(_ count: Int64, first: Int64 = 1, epoch: UInt64 = 9) -> Batch {
        let rows = (0..<count).map { place -> Batch.Row in
            let gone = 2 * (first + place)
            return .record(
                .hole(
                    Hole(
                        sensor: nil, reason: .storeRepaired, from: Instant(ms: 1), to: Instant(ms: 2), count: 1, sequences: gone...gone,
                        epoch: Epoch(bits: epoch))))
        }
        return Batch(epoch: Epoch(bits: 5), first: first, sensors: [], rows: rows)
    }

    @Test(.timeLimit(.minutes(1))) func `holes may declare separate sequences of another epoch lost, up to the limit of ranges`() async throws {
        let (archive, device) = try await archive()
        #expect(try await place.ingest(archive, device, holes(9_999)).first?.through == 9_999)
        #expect(try await archive.heldRanges(device, Epoch(bits: 9)).ranges.count == 9_999)
        let refused = try await place.submit(
            archive, [.batch(try BatchArrival(device: device, batch: holes(9_999, first: 10_000), receivedAt: place.now))])
        guard case .failure(.tooManyRanges(let epoch))? = refused.first else {
            Issue.record("\(refused)")
            return
        }
        #expect(epoch == Epoch(bits: 9))
        // Nothing of the refused batch is stored, and a batch that fills gaps is accepted.
        #expect(try await archive.heldRanges(device, Epoch(bits: 5)).ranges == [1...9_999])
        #expect(try await place.ingest(archive, device, place.batch(1...10_000, epoch: 9)).first?.through == 10_000)
    }

    @Test func `the number of epochs of a device is limited`() async throws {
        let (archive, device) = try await archive()
        let batches = try (1...UInt64(ArchiveLimits.epochsPerDevice)).map { try place.batch(1...1, epoch: $0) }
        for batch in batches { _ = try await place.ingest(archive, device, batch) }
        await #expect(throws: IngestRefusal.tooManyEpochs) { try await place.ingest(archive, device, place.batch(1...1, epoch: 99_999)) }
        #expect(try await place.ingest(archive, device, place.batch(2...2, epoch: 7)).first?.through == 2)
    }

    @Test func `rows of sensors beyond the quota are refused one by one, and the other rows are stored`() async throws {
        let (archive, device) = try await archive { $0.sensorsPerDevice = 3 }
        func batch(_ first: Int64, _ names: [String]) throws -> Batch {
            let sensors = try names.map { try #require(SensorName($0)) }
            let rows = sensors.indices.map {
                Batch.Row.reading(sensor: $0, Reading(takenAt: place.now - .seconds(60), humidityMpct: 40_000))
            }
            return Batch(epoch: Epoch(bits: 5), first: first, sensors: sensors, rows: rows)
        }
        #expect(try await place.ingest(archive, device, batch(1, ["a", "b"])).first?.refused == [])
        let answer = try #require(try await place.ingest(archive, device, batch(3, ["e", "a", "d", "c"])).first)
        // Among the new names, only the alphabetically first one fits.
        #expect(answer.refused == [.init(sequence: 3, reason: .unknownSensor), .init(sequence: 5, reason: .unknownSensor)])
        #expect(answer.through == 6)
        try await place.derive(archive)
        #expect(try await archive.sensors().map(\.name.name) == ["a", "b", "c"])
        #expect(try await archive.totals().readings == 4)
        // Records do not create sensors beyond the quota either.
        let record = Batch.Row.record(.sensor(SensorRecord(sensor: try #require(SensorName("z")), kind: "x", step: .seconds(600))))
        let named = Batch(epoch: Epoch(bits: 5), first: 7, sensors: [], rows: [record])
        #expect(try await place.ingest(archive, device, named).first?.refused.map(\.reason) == [.unknownSensor])
    }

    @Test func `the bytes of a day are limited, and the limit resets on the next day`() async throws {
        let (archive, device) = try await archive { $0.bytesPerDay = 1_000 }
        #expect(try await place.ingest(archive, device, place.batch(1...100)).first?.through == 100)
        let error = await #expect(throws: IngestRefusal.self) { try await place.ingest(archive, device, place.batch(101...101)) }
        // 1.7e12 ms is 80,000 s after midnight.
        #expect(error == .dailyQuotaExceeded(limit: 1_000, untilMidnight: .seconds(6_400)))
        #expect(try await archive.overQuotaDeviceCount(now: place.now) == 1)
        let tomorrow = try BatchArrival(device: device, batch: place.batch(101...101), receivedAt: place.now + .seconds(6_400))
        guard case .success? = try await place.submit(archive, [.batch(tomorrow)]).first else {
            Issue.record("the batch of the next day was refused")
            return
        }
    }

    /// A one-row batch costs the same regardless of how many came before, including repeated and conflicting rows.
    @Test(.timeLimit(.minutes(2))) func `a conflicting batch is not compared with the whole log`() async throws {
        let (archive, device) = try await archive()
        for first in stride(from: 1 as Int64, through: 30_001, by: 5_000) {
            _ = try await place.ingest(archive, device, place.batch(first...(first + 4_999)))
        }
        let clock = ContinuousClock()
        var took: [Duration] = []
        for sequence in 1...50 as ClosedRange<Int64> {
            took.append(try await clock.measure { _ = try await place.ingest(archive, device, place.batch(sequence...sequence, value: 60_000)) })
        }
        #expect(try await place.ingest(archive, device, place.batch(1...50, value: 60_000)).first?.conflicts.count == 50)
        #expect(took.sorted()[25] < .milliseconds(200))
    }
}

/// Devices are derived in turns, and all amendments are applied in one pass.
@Suite struct FairDerivationTests {
    private let place = TemporaryArchive()

    private func calibration(_ sequence: Int64, _ offset: Int32) throws -> Batch {
        let air = try #require(SensorName("air"))
        let said = Calibration(
            sensor: air, from: Instant(ms: 1_600_000_000_000), enteredAt: Instant(ms: 1_650_000_000_000 + sequence), offsetMpct: offset)
        return Batch(epoch: Epoch(bits: 5), first: sequence, sensors: [], rows: [.record(.calibration(said))])
    }

    @Test(.timeLimit(.minutes(1))) func `amendments of one device do not delay the first observation of another device`() async throws {
        let archive = try await place.open()
        let (bad, good) = (try await place.device(archive, "bad"), try await place.device(archive, "good"))
        for first in stride(from: 1 as Int64, through: 45_001, by: 5_000) {
            _ = try await place.ingest(archive, bad, place.batch(first...(first + 4_999)))
        }
        try await place.derive(archive, limit: 200_000)
        for sequence in 50_001...50_200 as ClosedRange<Int64> {
            _ = try await place.ingest(archive, bad, calibration(sequence, Int32(sequence % 100)))
        }
        _ = try await place.ingest(archive, good, place.batch(1...20))
        // The good device needs two steps, regardless of how many batches of the other device are pending.
        for _ in 0..<2 { _ = try await archive.apply(archive.nextDerivationStep(limit: 10_000)) }
        #expect(try await archive.sensors().first { $0.device.name == "good" }?.observations == 2)
        // All amendments are applied in one pass over the log: about ten steps. One pass for each amendment would take far more than twenty.
        var steps = 0
        while try await archive.apply(archive.nextDerivationStep(limit: 10_000)) { steps += 1 }
        #expect(steps <= 20)
        let sensor = try #require(try await archive.sensors().first { $0.device.name == "bad" })
        // The last calibration applies: 50200 mod 100 = 0.
        let plain = TemporaryArchive()
        let other = try await plain.open()
        let same = try await plain.device(other, "bad")
        for first in stride(from: 1 as Int64, through: 45_001, by: 5_000) {
            _ = try await plain.ingest(other, same, plain.batch(first...(first + 4_999)))
        }
        try await plain.derive(other, limit: 200_000)
        let reference = try #require(try await other.sensors().first)
        #expect(try await archive.observations(of: sensor) == other.observations(of: reference))
    }

    @Test func `a pass over the log resumes where it stopped, and no reading is counted twice`() async throws {
        var results: [[String]] = []
        for limit in [1, 7, 200_000] {
            let place = TemporaryArchive()
            let device: Int64
            do {
                let archive = try await place.open()
                device = try await place.device(archive)
                for first in stride(from: 1 as Int64, through: 951, by: 50) {
                    _ = try await place.ingest(archive, device, place.batch(first...(first + 49)))
                }
                try await place.derive(archive, limit: limit)
                _ = try await place.ingest(archive, device, calibration(1_001, 5_000))
                for _ in 0..<5 { _ = try await archive.apply(archive.nextDerivationStep(limit: limit)) }
            }
            // Another process resumes in the middle of the pass, and more rows arrive.
            let archive = try await place.open()
            _ = try await place.ingest(archive, device, calibration(1_002, -3_000))
            _ = try await place.ingest(archive, device, place.batch(1_003...1_010))
            try await place.derive(archive, limit: limit)
            results.append(try await archive.bins())
        }
        #expect(results[0].count == 101)
        #expect(results[0] == results[1] && results[0] == results[2])
    }

    @Test func `a derivation step that another process has applied is not applied again`() async throws {
        let archive = try await place.open()
        let device = try await place.device(archive)
        _ = try await place.ingest(archive, device, place.batch(1...100))
        let (first, second) = (try await archive.nextDerivationStep(), try await archive.nextDerivationStep())
        #expect(try await archive.apply(first))
        #expect(try await archive.apply(second))
        #expect(try await archive.observations(of: archive.sensors()[0]).count == 10)
        #expect(try await archive.bins().allSatisfy { $0.contains(" 10 ") })
    }

    @Test func `readings received while the server's clock was behind are observed after the clock is corrected`() async throws {
        let archive = try await place.open()
        let device = try await place.device(archive)
        let behind = Instant(ms: 1_400_000_000_000)
        let batch = try place.batch(1...20)
        _ = try await place.submit(archive, [.batch(try BatchArrival(device: device, batch: batch, receivedAt: behind))]).map { try $0.get() }
        try await place.derive(archive)
        #expect(try await archive.bins().isEmpty)
        try await archive.rederiveWithheld(now: Instant(ms: 1_450_000_000_000))
        try await place.derive(archive)
        #expect(try await archive.bins().isEmpty)
        try await archive.rederiveWithheld(now: Instant(ms: 1_795_000_000_000))
        try await place.derive(archive)
        #expect(try await archive.bins().count == 2)
    }

    @Test func `readings from before the year 2000 are stored but not observed`() async throws {
        let archive = try await place.open()
        let device = try await place.device(archive)
        var batch = try place.batch(1...5)
        for index in 0..<2 { batch.rows[index] = .reading(sensor: 0, Reading(takenAt: Instant(ms: 12_000 + Int64(index)), humidityMpct: 60_000)) }
        #expect(try await place.ingest(archive, device, batch).first?.through == 5)
        try await place.derive(archive)
        #expect(try await archive.totals().readings == 5)
        #expect(try await archive.observations(of: archive.sensors()[0]).allSatisfy { $0.validAt > Instant.earliestPlausible })
        #expect(try await archive.bins().count == 1)
    }
}

/// An archive that was edited by hand, or that a disk corrupted.
@Suite struct DamagedArchiveTests {
    private let place = TemporaryArchive()

    @Test(arguments: [
        ("UPDATE sensor SET step_s = -600 WHERE device = 1", "step_s is -600"), ("UPDATE sensor SET step_s = 0 WHERE device = 1", "step_s is 0"),
        ("UPDATE sensor SET last_at_ms = 9223372036854775807 WHERE device = 1", "last_at_ms is 9223372036854775807"),
        ("UPDATE device SET report = ? WHERE id = 1", "its report cannot be read"),
        ("UPDATE observation_bin SET humidity_sum_mpct = 9223372036854775807 WHERE sensor = 1", "has values that no readings can have"),
        (
            "UPDATE observation_bin SET valid_at_ms = 9223372036854775807 WHERE sensor = 1 AND valid_at_ms = (SELECT MIN(valid_at_ms) FROM observation_bin)",
            "has values that no readings can have"
        ),
    ])
    func `a row with impossible values is reported, and the rest of the fleet is listed`(sql: String, fault: String) async throws {
        let archive = try await place.open()
        for name in ["church", "tower"] {
            let device = try await place.device(archive, name)
            _ = try await place.ingest(archive, device, place.batch(1...20))
        }
        try await place.derive(archive)
        try await archive.edit(sql)
        let (devices, _) = try await archive.fleet(after: nil, limit: 9, now: Instant(ms: 0))
        #expect(devices.map(\.device.name.name) == ["church", "tower"])
        #expect(devices[0].faults.count == 1 && devices[0].faults.first?.contains(fault) == true, "\(devices[0].faults)")
        #expect(devices[1].faults.isEmpty && devices[1].sensors.first?.last != nil)
    }

    @Test(.timeLimit(.minutes(1))) func `a damaged observation is derived again from the log, and does not delay other devices`() async throws {
        let archive = try await place.open()
        let (church, tower) = (try await place.device(archive, "church"), try await place.device(archive, "tower"))
        for device in [church, tower] { _ = try await place.ingest(archive, device, place.batch(1...15)) }
        try await place.derive(archive)
        let before = try await archive.bins()
        try await archive.edit("UPDATE observation_bin SET readings = -5 WHERE sensor = 1")
        for device in [church, tower] { _ = try await place.ingest(archive, device, place.batch(16...16)) }
        let derivation = Derivation(archive: archive, reader: archive, wake: Inbox(limit: 1), log: Log("test", minimumLevel: .error))
        while try await derivation.step() {}
        let after = try await archive.bins()
        #expect(after.count == before.count)
        #expect(try await archive.observations(of: archive.sensors()[0]) == archive.observations(of: archive.sensors()[1]))
    }
}

extension Archive {
    /// - Parameter sql: a `?` stands for three bytes that are not a report.
    fileprivate func edit(_ sql: String) throws { _ = try database.change(sql, sql.contains("?") ? [.bytes([0xFF, 0, 0xFF])] : []) }
}

@testable import Archive
import ArchiveExamples
import Measures
import Testing
import Wire

/// Observations whose readings retention has deleted.
@Suite(.timeLimit(.minutes(1))) struct FrozenObservationTests: RetentionExamples {
    let place = TemporaryArchive()

    @Test func `a frozen observation contains a late reading once, also after a rebuild`() async throws {
        let archive = try await open()
        let device = try await fill(archive)
        try await deleteBatches(archive, before: april)
        let before = try await archive.bins()
        // 79 days later, the device delivers 20 more readings of the first day.
        try await send(archive, device, batch(301...320, from: at(1), value: 30_000), at: at(80))
        try await place.derive(archive)
        let bins = try await archive.bins()
        #expect(bins != before && bins.count == before.count)
        try await archive.requestRederivation(now: at(80))
        try await place.derive(archive)
        #expect(try await archive.bins() == bins)

        // A second rebuild begins before the first has ended.
        try await archive.requestRederivation(now: at(80))
        for _ in 0..<3 { _ = try await archive.apply(archive.nextDerivationStep(limit: 7)) }
        try await archive.requestRederivation(now: at(81))
        try await place.derive(archive)
        #expect(try await archive.bins() == bins)
    }

    @Test func `a calibration changes only observations that are not frozen`() async throws {
        let archive = try await open()
        let device = try await fill(archive)
        try await deleteBatches(archive, before: april)
        let before = try await archive.bins()
        let air = try #require(SensorName("air"))
        let calibration = Calibration(sensor: air, from: february, enteredAt: at(80), gainPpm: 1_000_000, offsetMpct: 2_000)
        let record = Batch(epoch: Epoch(bits: 5), first: 301, sensors: [], rows: [.record(.calibration(calibration))])
        try await send(archive, device, record, at: at(80))
        try await place.derive(archive)
        let bins = try await archive.bins()
        // Each group of 100 readings has 11 bins. The first two groups (22 bins) are frozen; the third group is not frozen.
        #expect(bins.count == before.count && bins.prefix(22) == before.prefix(22) && bins.suffix(10) != before.suffix(10))
        try await archive.requestRederivation(now: at(80))
        try await place.derive(archive)
        #expect(try await archive.bins() == bins)
    }

    /// Late readings are added to frozen bins. Later, a calibration and a clock correction change these readings.
    @Test(arguments: [nil, 0, 1, 2, 3, 5]) func `amendments of late readings in frozen bins are applied once, at any rebuild`(
        interruptedAfter steps: Int?
    )
        async throws
    {
        let archive = try await open()
        let device = try await fill(archive)
        try await deleteBatches(archive, before: april)
        let before = try await archive.bins()
        let air = try #require(SensorName("air"))
        // The device's clock was not set when it took ten readings, so they are in frozen bins of day 1. Their true time is day 61.
        let rows = (0..<10).map { index in
            Batch.Row.reading(
                sensor: 0,
                Reading(
                    takenAt: at(1) + .seconds(60 * Int64(index)), humidityMpct: 50_000, temperatureMc: 20_000, boot: 7,
                    boottimeMs: 60_000 * Int64(index)))
        }
        let correction = ClockCorrection(boot: 7, boottimeMs: 0...600_000, offset: .milliseconds(at(61).ms))
        let calibration = Calibration(sensor: air, from: february, enteredAt: at(81), offsetMpct: 1_000)
        let stages = [
            Batch(epoch: Epoch(bits: 5), first: 301, sensors: [air], rows: rows),
            try batch(311...410, from: at(75)),
            Batch(epoch: Epoch(bits: 5), first: 411, sensors: [], rows: [.record(.calibration(calibration))]),
            Batch(epoch: Epoch(bits: 5), first: 412, sensors: [], rows: [.record(.clockCorrection(correction))]),
        ]
        for (index, stage) in stages.enumerated() {
            try await send(archive, device, stage, at: at(80))
            if let steps {
                for _ in 0..<steps { _ = try await archive.apply(archive.nextDerivationStep(limit: 3)) }
                try await archive.requestRederivation(now: at(80))
            }
            try await place.derive(archive, limit: 3)
            let bins = try await archive.bins()
            #expect(try await archive.readingsInBins() == (index == 0 ? 310 : 410))
            try await archive.requestRederivation(now: at(80))
            try await place.derive(archive, limit: 3)
            #expect(try await archive.bins() == bins)
        }
        // The clock correction has moved the ten readings out of the frozen bins.
        let frozen = try await archive.bins().filter { line in before.contains { $0.split(separator: " ")[1] == line.split(separator: " ")[1] } }
        #expect(frozen.prefix(22).map(Self.countsAndSums) == before.prefix(22).map(Self.countsAndSums))
    }

    /// Returns a bin's number of readings, number of failed readings and sum of humidity. The minimum and the maximum are not compared, because a
    /// frozen bin keeps the values of removed readings.
    private static func countsAndSums(_ line: String) -> [Substring] { Array(line.split(separator: " ")[2...4]) }

    @Test func `readings that the server held back while its clock was wrong are added later, also to observations that a rebuild may not change`()
        async throws
    {
        let archive = try await open()
        let device = try await fill(archive)
        try await deleteBatches(archive, before: april)
        // The server has restarted with its clock in 1970. The device delivers readings of the first day late.
        try await send(archive, device, batch(301...310, from: at(1)), at: Instant(ms: 60_000))
        try await place.derive(archive)
        #expect(try await archive.readingsInBins() == 300)
        for _ in 0..<2 {
            try await archive.rederiveWithheld(now: at(90))
            try await archive.requestRederivation(now: at(90))
            try await place.derive(archive)
            #expect(try await archive.readingsInBins() == 310)
        }
    }

    @Test func `a rebuild of a device without frozen observations applies all amendments at once`() async throws {
        let archive = try await open()
        let device = try await fill(archive)
        let air = try #require(SensorName("air"))
        let calibration = Calibration(sensor: air, from: february, enteredAt: at(71), offsetMpct: 1_000)
        try await send(archive, device, Batch(epoch: Epoch(bits: 5), first: 301, sensors: [], rows: [.record(.calibration(calibration))]), at: at(71))
        try await place.derive(archive)
        let bins = try await archive.bins()
        try await archive.requestRederivation(now: at(80))
        var phases: Set<Int64> = []
        while try await archive.apply(archive.nextDerivationStep(limit: 7)) { phases.insert(try await archive.phase(device)) }
        #expect(try await archive.bins() == bins)
        #expect(phases == [DerivationState.Phase.clearing.rawValue, DerivationState.Phase.appending.rawValue])
    }

    @Test func `observed readings that are newer than the arrival of their deleted batch stay`() async throws {
        let archive = try await open()
        let device = try await fill(archive)
        // The server's clock was 77 days behind. A rebuild with the right clock observes the readings.
        try await send(archive, device, batch(301...310, from: at(78)), at: at(1))
        try await send(archive, device, batch(311...320, from: at(80)), at: at(80))
        try await place.derive(archive)
        #expect(try await archive.readingsInBins() == 310)
        for _ in 0..<2 {
            try await archive.requestRederivation(now: at(90))
            try await place.derive(archive)
            #expect(try await archive.readingsInBins() == 320)
            try await deleteBatches(archive, before: april)
        }
        #expect(try await archive.batchCount() == 2)
    }
}

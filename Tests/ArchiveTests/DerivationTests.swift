import ArchiveExamples
@testable import Archive
import Foundation
import Measures
import Observing
import Testing
import Wire

@Suite struct DerivationTests {
    private let place = TemporaryArchive()

    /// 300 readings of one device. Its clock starts in 1970 and is set after the first third.
    private func batches(calibrated: Bool = false, renamed: Bool = false) throws -> [Batch] {
        let air = try #require(SensorName("air"))
        let truth: Int64 = 1_600_000_000_000
        var rows = (0..<300).map { index -> Batch.Row in
            let boottime = Int64(index) * 60_000
            let at = index < 100 ? boottime : truth + boottime
            return .reading(
                sensor: 0,
                Reading(
                    takenAt: Instant(ms: at), humidityMpct: 40_000 + Int32(index * 37 % 900), temperatureMc: 20_000,
                    pressurePa: 100_000 + Int32(index), flags: index == 290 ? .flat : [], boot: 1, boottimeMs: boottime))
        }
        rows.insert(.record(.clockCorrection(ClockCorrection(boot: 1, boottimeMs: 0...(99 * 60_000), offset: .milliseconds(truth)))), at: 100)
        if calibrated {
            // `first` applies to readings from one hour on, `second` to readings from two hours on.
            let first = Calibration(sensor: air, from: Instant(ms: truth + 3_600_000), gainPpm: 1_100_000, offsetMpct: -2_000)
            let second = Calibration(sensor: air, from: Instant(ms: truth + 7_200_000), offsetMpct: 1_500)
            rows.insert(.record(.calibration(first)), at: 70)
            rows.insert(.record(.calibration(second)), at: 150)
        }
        var sensors = [air]
        if renamed {
            // From minute 200 on the sensor is called hall. Reading 250 belongs to another sensor, which is now called air.
            let (hall, change) = (try #require(SensorName("hall")), 200 + (calibrated ? 3 : 1))
            sensors.append(hall)
            for place in rows.indices where place >= change {
                if case .reading(_, let reading) = rows[place], place != 250 { rows[place] = .reading(sensor: 1, reading) }
            }
            let until = Instant(ms: truth + 200 * 60_000 - 1)
            rows.insert(.record(.rename(SensorRename(sensor: air, name: hall, until: until, enteredAt: until))), at: change)
        }
        return stride(from: 0, to: rows.count, by: 43).map { start in
            Batch(epoch: Epoch(bits: 5), first: Int64(start + 1), sensors: sensors, rows: Array(rows[start..<min(start + 43, rows.count)]))
        }
    }

    /// For each order: stores the batches in this order, checks that deriving again from the log gives the same bins, and returns the bins.
    private func bins(of batches: [Batch], orders: [[Int]]) async throws -> [[String]] {
        var results: [[String]] = []
        for order in orders {
            #expect(order.sorted() == Array(batches.indices))
            let place = TemporaryArchive()
            let archive = try await place.open()
            let device = try await place.device(archive)
            for index in order {
                _ = try await place.ingest(archive, device, batches[index])
                try await place.derive(archive, limit: 1)
            }
            let bins = try await archive.bins()
            try await archive.requestRederivation(now: place.now)
            try await place.derive(archive)
            #expect(try await archive.bins() == bins)
            results.append(bins)
        }
        return results
    }

    @Test func `readings with a corrected time move to their true bins, in any batch order`() async throws {
        let results = try await bins(of: try batches(), orders: [Array(0..<7), (0..<7).reversed(), [3, 0, 6, 1, 2, 5, 4]])
        #expect(results[0].count == 31)
        #expect(results[0] == results[1] && results[0] == results[2])
    }

    @Test func `calibrations apply to all readings from their start on, in any batch order, and can be undone`() async throws {
        let batches = try batches(calibrated: true)
        let results = try await bins(of: batches, orders: [Array(0..<8), (0..<8).reversed(), [3, 0, 7, 6, 1, 2, 5, 4]])
        #expect(results[0] == results[1] && results[0] == results[2])

        let archive = try await place.open()
        let device = try await place.device(archive)
        for batch in batches { _ = try await place.ingest(archive, device, batch) }
        try await place.derive(archive)
        let sensor = try #require(try await archive.sensors().first)
        func means() async throws -> [Int32?] { try await archive.observations(of: sensor).map { Milli.rounded($0.humidity.percent) } }
        // Expected means, computed by hand from raw readings of 40,000 + index · 37 mod 900, one minute apart. The first bin ends 200 s after the
        // start.
        func said(_ bin: Int) -> [Int32] { (10 * bin - 6...10 * bin + 3).map { 40_000 + Int32($0 * 37 % 900) } }
        func mean(_ values: [Int32]) -> Int32 { Int32((Double(values.reduce(0, +)) / Double(values.count)).rounded()) }
        let found = try await means()
        #expect(found[5] == mean(said(5)))
        #expect(found[7] == mean(said(7).map { Int32((Double($0) * 1.1).rounded()) - 2_000 }))
        #expect(found[13] == mean(said(13).map { $0 + 1_500 }))
        let air = try #require(SensorName("air"))
        for (sequence, from) in [(304, 3_600_000), (305, 7_200_000)] as [(Int64, Int64)] {
            let none = Calibration(sensor: air, from: Instant(ms: 1_600_000_000_000 + from))
            _ = try await place.ingest(
                archive, device, Batch(epoch: Epoch(bits: 5), first: sequence, sensors: [], rows: [.record(.calibration(none))]))
        }
        try await place.derive(archive)
        let plain = TemporaryArchive()
        let other = try await plain.open()
        let same = try await plain.device(other)
        for batch in try self.batches() { _ = try await plain.ingest(other, same, batch) }
        try await plain.derive(other)
        #expect(try await archive.bins() == other.bins())
    }

    @Test func `a renamed sensor has one series, calibrated and at its true times, in any batch order`() async throws {
        let orders = [Array(0..<8), (0..<8).reversed(), [3, 0, 7, 6, 1, 2, 5, 4]]
        let results = try await bins(of: try batches(calibrated: true, renamed: true), orders: orders)
        #expect(results[0] == results[1] && results[0] == results[2])

        func series(renamed: Bool) async throws -> [String: [Observation]] {
            let place = TemporaryArchive()
            let archive = try await place.open()
            let device = try await place.device(archive)
            for batch in try batches(calibrated: true, renamed: renamed) { _ = try await place.ingest(archive, device, batch) }
            try await place.derive(archive)
            var series: [String: [Observation]] = [:]
            for sensor in try await archive.sensors() {
                series[sensor.name.name] = try await archive.observations(of: sensor)
                #expect(sensor.observations == series[sensor.name.name].map { Int64($0.count) })
            }
            return series
        }
        let (one, two) = (try await series(renamed: false), try await series(renamed: true))
        #expect(two.keys.sorted() == ["air", "hall"])
        let (before, after, other) = (try #require(one["air"]), try #require(two["hall"]), try #require(two["air"]))
        #expect(other.count == 1)
        // Only the bin of the other sensor's single reading differs.
        #expect(after.count == before.count && zip(after, before).filter { $0 != $1 }.map(\.0.validAt) == other.map(\.validAt))
    }

    @Test func `the newest observation comes with its mean pressure and the flags of all its readings`() async throws {
        let archive = try await place.open()
        let device = try await place.device(archive)
        for batch in try batches() { _ = try await place.ingest(archive, device, batch) }
        try await place.derive(archive)
        let newest = try #require(try await archive.fleet(after: nil, limit: 9, now: Instant(ms: 0)).devices.first?.sensors.first)
        // The last bin holds readings 294 to 299; reading 290 is in the bin before.
        #expect(newest.pressurePa == 100_297 && newest.flags == [])
        #expect(try await archive.bins(flagged: .flat) == 1)
        // A correction moves the flagged reading: its flag moves with it, and the old bin has no flag any more.
        let correction = ClockCorrection(boot: 1, boottimeMs: (290 * 60_000)...(290 * 60_000), offset: .milliseconds(1_600_000_600_000))
        let batch = Batch(epoch: Epoch(bits: 5), first: 302, sensors: [], rows: [.record(.clockCorrection(correction))])
        _ = try await place.ingest(archive, device, batch)
        try await place.derive(archive)
        #expect(try await archive.fleet(after: nil, limit: 9, now: Instant(ms: 0)).devices.first?.sensors.first?.flags == .flat)
        #expect(try await archive.bins(flagged: .flat) == 1)
    }

    /// Renames of sensors without a sensor record, two of them to the same name. No rename may block the others, in any order.
    @Test func `renames of unknown sensors are stored, and later rows join the renamed series`() async throws {
        let archive = try await place.open()
        let device = try await place.device(archive)
        let names = try ["a", "c", "s", "t"].map { try #require(SensorName($0)) }
        let at = Instant(ms: 1_600_000_000_000)
        func rename(_ from: Int, _ to: Int, _ said: Int64) -> Batch.Row {
            .record(.rename(SensorRename(sensor: names[from], name: names[to], until: at + .seconds(900), enteredAt: at + .seconds(said))))
        }
        let records = [rename(0, 2, 1), rename(1, 2, 2), rename(2, 3, 3)]
        _ = try await place.ingest(archive, device, Batch(epoch: Epoch(bits: 5), first: 1, sensors: [], rows: records))
        try await place.derive(archive)
        for (sequence, name) in [(4, 0), (5, 1)] as [(Int64, Int)] {
            let reading = Reading(takenAt: at + .seconds(name * 60), humidityMpct: 40_000)
            let batch = Batch(epoch: Epoch(bits: 5), first: sequence, sensors: [names[name]], rows: [.reading(sensor: 0, reading)])
            _ = try await place.ingest(archive, device, batch)
            try await place.derive(archive)
        }
        #expect(try await archive.sensors().filter { $0.observations > 0 }.map(\.name) == [names[3]])
    }

    /// Sensor a is renamed to b, and sensor b to c. A calibration that was entered for a now applies to b.
    @Test func `a calibration stays with its sensor when names are reassigned`() async throws {
        let archive = try await place.open()
        let device = try await place.device(archive)
        let (a, b, c) = (try #require(SensorName("a")), try #require(SensorName("b")), try #require(SensorName("c")))
        let at = Instant(ms: 1_600_000_000_000)
        func reading(_ place: Int, _ mpct: Int32) -> Batch.Row { .reading(sensor: place, Reading(takenAt: at, humidityMpct: mpct)) }
        let rows: [Batch.Row] = [
            reading(0, 50_000), reading(1, 70_000),
            .record(.rename(SensorRename(sensor: b, name: c, until: at + .seconds(9), enteredAt: at + .seconds(2)))),
            .record(.rename(SensorRename(sensor: a, name: b, until: at + .seconds(9), enteredAt: at + .seconds(3)))),
            .record(.calibration(Calibration(sensor: a, from: Instant(ms: 0), enteredAt: at + .seconds(1), offsetMpct: -5_000))),
        ]
        _ = try await place.ingest(archive, device, Batch(epoch: Epoch(bits: 5), first: 1, sensors: [a, b], rows: rows))
        try await place.derive(archive)
        var means: [SensorName: Double] = [:]
        for sensor in try await archive.sensors() { means[sensor.name] = try await archive.observations(of: sensor).first?.humidity.percent }
        #expect(means == [b: 45, c: 70])
    }

    @Test func `a renamed sensor is listed under its new name only`() async throws {
        let archive = try await place.open()
        let device = try await place.device(archive)
        let (air, hall) = (try #require(SensorName("air")), try #require(SensorName("hall")))
        let batches = try batches()
        for batch in batches { _ = try await place.ingest(archive, device, batch) }
        let until = Instant(ms: 1_700_000_000_000)
        let record = Batch.Row.record(.rename(SensorRename(sensor: air, name: hall, until: until, enteredAt: until)))
        _ = try await place.ingest(archive, device, Batch(epoch: Epoch(bits: 5), first: 302, sensors: [], rows: [record]))
        let before = try await archive.bins().count
        try await place.derive(archive)
        #expect(try await archive.sensors().map(\.name) == [hall])
        #expect(try await archive.sensors().first?.observations == 31 && before == 0)
        #expect(try await archive.sensors().first?.kind == "unknown")
    }

    @Test func `a later correction of the same readings wins, and bins that keep readings have correct extremes`() async throws {
        let archive = try await place.open()
        let device = try await place.device(archive)
        for batch in try batches() { _ = try await place.ingest(archive, device, batch) }
        try await place.derive(archive)
        // The first correction moves part of the readings ten minutes later, and the second moves them back.
        let (right, wrong): (Int64, Int64) = (1_600_000_000_000, 1_600_000_600_000)
        var states = [try await archive.bins()]
        for (sequence, offset) in [(302, wrong), (303, right)] as [(Int64, Int64)] {
            let correction = ClockCorrection(boot: 1, boottimeMs: (154 * 60_000)...(183 * 60_000), offset: .milliseconds(offset))
            let batch = Batch(epoch: Epoch(bits: 5), first: sequence, sensors: [], rows: [.record(.clockCorrection(correction))])
            _ = try await place.ingest(archive, device, batch)
            try await place.derive(archive)
            states.append(try await archive.bins())
            try await archive.requestRederivation(now: place.now)
            try await place.derive(archive)
            #expect(try await archive.bins() == states.last)
        }
        #expect(states[0] == states[2] && states[0] != states[1])
    }
}

extension Archive {
    /// Counts bins in the view for analysts.
    fileprivate func bins(flagged flags: ReadingFlags) throws -> Int64? {
        try database.integer("SELECT COUNT(*) FROM observation WHERE flags & \(flags.rawValue) <> 0 AND pressure_hpa BETWEEN 1000 AND 1004")
    }
}

import Bytes
@testable import EdgeStore
import StoreExamples
import Forecasting
import Foundation
import Measures
import Observing
import Runtime
import SQLite
import Testing
import Wire

private let log = Log("test", minimumLevel: .error)
private let host = HostIdentity(fingerprint: "host-a", bootID: "boot-1")

private func store(_ path: String = ":memory:", on host: HostIdentity = host) async throws -> ReadingStore {
    try await ReadingStore(path: path, host: host, log: log)
}

@discardableResult
private func sensor(_ store: ReadingStore, _ name: String = "air") async throws -> Int64 {
    try await store.register(try #require(SensorName(name)))
}

/// A store with one sensor, whose record is row 1, and `count` readings after it.
private func store(_ path: String = ":memory:", readings count: Int) async throws -> ReadingStore {
    let store = try await store(path)
    try await sensor(store)
    try await store.append(readings(count))
    return store
}

private func readings(_ count: Int, from minute: Int = 0, of sensor: String = "air") throws -> [NewRow] {
    let name = try #require(SensorName(sensor))
    return (0..<count).map {
        .reading(
            SensorReading(
                sensor: name,
                reading: Reading(
                    takenAt: Instant(ms: Int64(minute + $0 + 1) * 60_000), humidityMpct: Int32(45_000 + $0), temperatureMc: 20_000, boot: 1,
                    boottimeMs: Int64(minute + $0) * 60_000)))
    }
}

private func answer(_ life: Life, through: Int64, held: [ClosedRange<Int64>] = [], conflicts: [Int64] = []) -> BatchAcknowledgement {
    BatchAcknowledgement(
        epoch: life.epoch, through: through, held: held, refused: [], conflicts: conflicts,
        next: .init(delayMs: 0, maxReadings: 5_000, maxBytes: 1 << 20), release: nil)
}

private final class Folder {
    let path = FileManager.default.temporaryDirectory.path + "/vaho-store-\(UInt64.random(in: 0...(.max)))"
    init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }
    deinit { try? FileManager.default.removeItem(atPath: path) }
}

@Suite struct ReadingStoreTests {
    @Test func `a row never changes its sequence, and a batch carries its rows in sequence order`() async throws {
        let store = try await store(readings: 3)
        try await store.append([.record(.hole(Hole(sensor: nil, reason: .sensorError, from: Instant(ms: 1), to: Instant(ms: 2), count: 1)))])
        try await store.append(readings(1, from: 9))
        let life = await store.current
        #expect(life.last == 6)
        let batch = try #require(try await store.batch(of: life.epoch, from: 1, through: 6, limit: 100))
        #expect(batch.first == 1 && batch.rows.count == 6)
        guard case .record(.sensor) = batch.rows[0], case .record(.hole) = batch.rows[4], case .reading(0, let last) = batch.rows[5] else {
            Issue.record("the rows are not in sequence order")
            return
        }
        #expect(last.takenAt.ms == 600_000)
        #expect(try await store.batch(of: life.epoch, from: 2, through: 6, limit: 2)?.last == 3)
    }

    @Test func `rows, epoch and held ranges survive a restart`() async throws {
        let folder = try Folder()
        let path = folder.path + "/s.sqlite"
        var before: [Life] = []
        do {
            let first = try await store(path, readings: 5)
            _ = try await first.settle(answer(first.current, through: 3, held: [5...5]), sent: 1...5)
            try await first.saveDelivery()
            before = await first.lives
        }
        let second = try await store(path)
        #expect(await second.lives == before)
        #expect(await second.current.held == HeldRanges([1...3, 5...5]))
        #expect(await second.current.backlog == 2)
        #expect(try await sensor(second) == 1)  // the same sensor, and no second record
        #expect(await second.current.last == 6)
    }

    @Test func `a store copied to another host takes a new epoch, and the old rows keep their epoch`() async throws {
        let folder = try Folder()
        let path = folder.path + "/s.sqlite"
        do { _ = try await store(path, readings: 2) }
        let copy = try await store(path, on: HostIdentity(fingerprint: "host-b", bootID: "boot-1"))
        let lives = await copy.lives
        #expect(lives.count == 2)
        #expect(lives[0].epoch != lives[1].epoch)
        #expect(lives[0].last == 3 && lives[1].last == 0)
    }

    @Test func `rows that a full disk refuses keep their keys and are committed when there is room`() async throws {
        let store = try await store(readings: 0)
        try await store.limitPages(to: 20)
        let keys = await store.enqueue(try readings(5_000)).map(\.key)
        await #expect(throws: SQLiteError.self) { try await store.commitPending() }
        #expect(await store.current.last == 1)
        #expect(try await store.counts().unstored == 5_000)
        try await store.limitPages(to: 100_000)
        try await store.append(readings(2, from: 5_000))
        #expect(await store.current.last == 5_003)
        #expect(try await store.counts().unstored == 0)
        #expect(try await store.storedKeys().prefix(5_000) == keys[...])
    }

    @Test func `above the byte limit the oldest readings are evicted, and a hole records their number and sequences`() async throws {
        let store = try await store(readings: 20_000)
        var retention = Retention()
        retention.byteLimit = try await store.counts().bytes / 2
        try await store.enforce(retention, now: Instant(ms: 1_300_000_000))
        let holes = try await store.read { try $0.log.holes(limit: 10) }
        #expect(!holes.isEmpty)
        #expect(holes.allSatisfy { $0.reason == .evictedBySize && $0.sequences?.count == Int($0.count) })
        let evicted = holes.reduce(0) { $0 + $1.count }
        let counts = try await store.counts()
        #expect(counts.readings == 20_000 - evicted)
        #expect(counts.evicted == evicted)
        #expect(await store.current.backlog == counts.readings + 1 + Int64(holes.count))
    }

    @Test func `delivered readings past the retention are deleted, undelivered ones stay, and no sequence is reused`() async throws {
        let folder = try Folder()
        let path = folder.path + "/s.sqlite"
        do {
            let store = try await store(path, readings: 10)
            _ = try await store.settle(answer(store.current, through: 6), sent: 1...6)
            try await store.enforce(Retention(), now: Instant(ms: 200 * 86_400_000))
            #expect(try await store.counts().readings == 5)
            _ = try await store.settle(answer(store.current, through: 11), sent: 7...11)
            try await store.enforce(Retention(), now: Instant(ms: 200 * 86_400_000))
            #expect(try await store.counts().readings == 0)
        }
        #expect(try await store(path).current.last == 11)
    }

    @Test func `with the default settings one reading costs one small page per commit`() async throws {
        let folder = try Folder()
        let path = folder.path + "/s.sqlite"
        let store = try await store(path, readings: 1)
        let before = try #require(try FileManager.default.attributesOfItem(atPath: path + "-wal")[.size] as? Int)
        for minute in 1...20 { try await store.append(readings(1, from: minute)) }
        let after = try #require(try FileManager.default.attributesOfItem(atPath: path + "-wal")[.size] as? Int)
        #expect((after - before) / 20 < 1_400)
    }
}

@Suite struct SettlementTests {
    @Test func `a store with fewer rows than the cloud holds counts as a restored copy and takes a new epoch`() async throws {
        let store = try await store(readings: 4)
        let old = await store.current
        // Rows 1 to 3 were sent and compared: the cloud's row 3 has other content. Rows 4 and 5 were never sent.
        #expect(try await store.settle(answer(old, through: 99, conflicts: [3]), sent: 1...3) == .storeIsBehind(cloudHolds: 99, storeAssigned: 5))
        let lives = await store.lives
        #expect(await store.current.epoch != old.epoch)
        #expect(lives[0].outstanding == [4...5])
        #expect(lives.dropFirst().reduce(0) { $0 + $1.backlog } == 1)
    }

    @Test func `rows waiting when a new epoch begins are stored in the new epoch, and their derived rows follow`() async throws {
        let store = try await store(readings: 4)
        let old = await store.current
        let keys = await store.enqueue(try readings(3, from: 4)).map(\.key)
        #expect(keys.map { RowKey($0).sequence } == [6, 7, 8])
        let air = try #require(SensorName("air"))
        let observation = Observation(validAt: Instant(ms: 600_000), humidity: RelativeHumidity(percent: 45), temperature: nil)
        await store.enqueue([DerivedRow(air, observation, through: keys[1])])
        #expect(try await store.settle(answer(old, through: 99), sent: 1...5) == .storeIsBehind(cloudHolds: 99, storeAssigned: 5))
        let lives = await store.lives
        #expect(lives.map(\.last) == [5, 3] && lives[1].epoch != old.epoch)
        let through = try await store.read { tables in try tables.observations.newest(of: tables.sensors.id(air))?.through }
        #expect(through == RowKey(life: lives[1].number, sequence: 2).value)
        #expect(await store.enqueue(try readings(1, from: 7)).map { RowKey($0.key).sequence } == [4])
    }

    @Test func `rows that were not sent count as undelivered, even if the cloud holds their sequences`() async throws {
        // A machine was set back to row 3 and has since taken other rows 4 to 9. The cloud has rows 4 to 8 of the first machine.
        let store = try await store(readings: 8)
        let old = await store.current
        #expect(try await store.settle(answer(old, through: 8, conflicts: [4]), sent: 1...4) == .moved(1))
        #expect(await store.lives[0].outstanding == [5...9])
    }

    @Test func `a cloud restored from an older copy receives the lost rows again`() async throws {
        let store = try await store(readings: 9)
        let life = await store.current
        #expect(try await store.settle(answer(life, through: 10), sent: 1...10) == .settled)
        #expect(try await store.settle(answer(life, through: 4, held: [7...7]), sent: nil) == .cloudIsBehind(rows: 5))
        #expect(await store.current.outstanding == [5...6, 8...10])
    }

    @Test func `a truncated list of ranges makes no claim about later sequences`() async throws {
        let store = try await store(readings: 400)
        let life = await store.current
        _ = try await store.settle(answer(life, through: 401), sent: 1...401)
        let held: [ClosedRange<Int64>] = (0..<64).map { (index: Int64) in (index * 4 + 3)...(index * 4 + 4) }
        #expect(try await store.settle(answer(life, through: 1, held: held), sent: nil) == .cloudIsBehind(rows: 127))
        #expect(await store.current.held.contains(300))
    }

    @Test func `requested rows that retention has deleted are declared gone, and a hole reports them to the cloud`() async throws {
        let store = try await store(readings: 10)
        _ = try await store.settle(answer(store.current, through: 11), sent: 1...11)
        try await store.enforce(Retention(), now: Instant(ms: 200 * 86_400_000))
        _ = try await store.settle(answer(store.current, through: 1), sent: nil)
        try await store.append(readings(2, from: 50))
        let epoch = await store.current.epoch
        #expect(try await store.batch(of: epoch, from: 2, through: 11, limit: 100) == nil)
        #expect(try await store.write { try $0.addHoleForMissingRows(epoch, from: 2, through: 13) } == 2...11)
        let life = await store.current
        #expect(life.outstanding == [12...14])
        let hole = try #require(try await store.read { try $0.log.holes(limit: 1) }.first)
        #expect(hole.reason == .evictedByAge && hole.sequences == 2...11 && hole.epoch == life.epoch && hole.count == 10)
    }

    @Test func `conflicting rows are sent again under a new epoch, and none is lost`() async throws {
        let store = try await store(readings: 4)
        let old = await store.current
        #expect(try await store.settle(answer(old, through: 5, conflicts: [2, 4]), sent: 1...5) == .moved(2))
        let lives = await store.lives
        #expect(lives.count == 2 && lives[0].backlog == 0 && lives[1].backlog == 2)
        let moved = try #require(try await store.batch(of: lives[1].epoch, from: 1, through: 2, limit: 9))
        #expect(moved.epoch != old.epoch)
        let kept = moved.rows.compactMap { if case .reading(_, let reading) = $0 { reading.humidityMpct } else { nil } }
        #expect(kept == [45_000, 45_002])
        #expect(try await store.counts().readings == 4)
    }

    @Test func `repeated conflicts create only a limited number of epochs and lose nothing`() async throws {
        let folder = try Folder()
        let first = try await store("\(folder.path)/readings.sqlite", readings: 4)
        for _ in 1...200 {
            let life = await first.current
            let all = 1...life.last
            #expect(try await first.settle(answer(life, through: life.last, conflicts: Array(all)), sent: all) == .moved(all.count))
        }
        let again = try await store("\(folder.path)/readings.sqlite")
        for store in [first, again] {
            let lives = await store.lives
            #expect((2...65).contains(lives.count))
            #expect(lives.reduce(0) { $0 + $1.backlog } == 5)
            #expect(try await store.counts().readings == 4)
        }
    }
}

@Suite struct LateSensorTests {
    @Test func `a sensor record that a full disk refused is stored with the sensor's first reading`() async throws {
        let store = try await store(readings: 2)
        try await store.limitPages(to: 1)  // no more pages than exist now
        var filled = 0
        while true { do { try await store.append(readings(1, from: filled)) } catch { break }; filled += 1 }
        let waiting = await store.pendingReadings
        await #expect(throws: SQLiteError.self) { for number in 1...100 { try await sensor(store, "late\(number)") } }
        let known = try await store.read { try $0.sensors.all() }.count
        let late = try #require(SensorName("late\(known)"))  // the refused sensor
        await #expect(throws: SQLiteError.self) { try await store.append(readings(1, from: 900, of: late.name)) }
        #expect(try await store.read { $0.sensors.ids[late] } == nil)
        try await store.limitPages(to: 1 << 20)
        try await store.append(readings(1, from: 901, of: late.name))
        #expect(try await store.rawReadings(of: late, limit: 9).count == 2)
        #expect(waiting == 1)
        // The sensor's record precedes its readings.
        let life = await store.current
        let rows = try #require(try await store.batch(of: life.epoch, from: life.last - 2, through: life.last, limit: 9)).rows
        guard case .record(.sensor(let record)) = rows[0] else { return #expect(Bool(false), "\(rows)") }
        #expect(record.sensor == late && rows.count == 3)
    }
}

extension ReadingStore {
    func storedKeys() throws -> [Int64] {
        var select = try database.prepare("SELECT key FROM reading ORDER BY key")
        var keys: [Int64] = []
        while try select.step() { keys.append(select.integer(0)) }
        return keys
    }

    func limitPages(to count: Int) throws { _ = try database.integer("PRAGMA max_page_count = \(count)") }
}

@Suite struct ForecastKeepingTests {
    private func observation(_ bin: Int64, _ percent: Double) -> Observation {
        Observation(validAt: Instant(ms: bin * 600_000), humidity: RelativeHumidity(percent: percent), temperature: Temperature(celsius: 20))
    }

    @Test func `forecasts are stored, are scored when their time comes, and storing them again changes nothing`() async throws {
        let store = try await store()
        try await sensor(store)
        let air = try #require(SensorName("air"))
        var forecaster = AdaptiveForecaster(grid: .fine, network: nil)
        var outcomes: [DerivedRow] = []
        for bin in 1...40 as ClosedRange<Int64> {
            let now = observation(bin, 50 + Double(bin % 7))
            forecaster.observe(now)
            outcomes.append(
                DerivedRow(air, now, through: bin, forecast: forecaster.forecast(), releaseCounter: 7))
        }
        try await store.append([], derived: outcomes)
        let scores = try await store.read { try $0.scores.live() }
        #expect(scores.map(\.leadTimeSeconds) == [3_600, 10_800, 21_600])
        #expect(scores.map(\.count) == [34, 22, 4])
        #expect(scores.allSatisfy { $0.releaseCounter == 7 && $0.absoluteErrorMpct > 0 })
        try await store.append([], derived: outcomes)
        #expect(try await store.read { try $0.scores.live() } == scores)

        let newest = try #require(try await store.forecast(of: air))
        #expect(newest.forecast.origin.ms == 40 * 600_000)
        let made = try #require(outcomes.last?.forecast?.forecast)
        for lead in made.leadTimes.indices { #expect(abs(newest.forecast.median(lead: lead) - made.median(lead: lead)) < 0.0051) }
        #expect(try await store.observations(of: air, after: Instant(ms: 38 * 600_000)) == [observation(39, 54), observation(40, 55)])
    }

    @Test func `a stored forecast keeps its digits in about eleven hundred bytes, and an old one keeps seven lead times`() throws {
        var forecaster = AdaptiveForecaster(grid: .fine, network: nil)
        for bin in 1...700 as ClosedRange<Int64> { forecaster.observe(observation(bin, 40 + Double(bin % 11))) }
        let forecast = try #require(forecaster.forecast())
        #expect(forecast.skill.contains(nil) && !forecast.skill.allSatisfy { $0 == nil })
        let bytes = StoredForecast.bytes(forecast)
        #expect((900...1_150).contains(bytes.count))
        let read = try StoredForecast.forecast(bytes, origin: forecast.origin)
        #expect(read.leadTimes == forecast.leadTimes && read.method == forecast.method)
        #expect(zip(read.humidity, forecast.humidity).allSatisfy { abs($0 - $1) < 0.0051 })
        for (kept, made) in zip(read.skill, forecast.skill) { #expect(kept == made.map { ($0 * 100).rounded() / 100 }) }
        #expect(StoredForecast.thinned(read).leadTimes == ForecastShape.scored)
        #expect(StoredForecast.thinned(read).skill[0] == read.skill[5])  // the skill at one hour
        for length in bytes.indices {
            #expect(throws: MalformedBytes.self) { try StoredForecast.forecast(Array(bytes.prefix(length)), origin: forecast.origin) }
        }
    }

    @Test func `a forecast stored before skill existed is read without skill`() throws {
        // Version 1: damped anomaly, no temperature, 48.5 % now, one lead time of an hour.
        var writer = ByteWriter()
        for byte in [1, 1, 0] as [UInt8] { writer.byte(byte) }
        writer.fixed(Int16(4_850))
        writer.byte(1)
        writer.varint(6)
        for hundredths in [4_500, 4_600, 4_700, 4_800, 4_900, 5_000, 5_100, 4_700] as [Int16] { writer.fixed(hundredths) }
        let read = try StoredForecast.forecast(writer.bytes, origin: Instant(ms: 0))
        #expect(read.median(lead: 0) == 48 && read.climatology == [47] && read.skill == [nil] && read.skillHorizon == .unknown)
    }
}

@Suite struct ForecastRetentionTests {
    @Test func `after six days a forecast keeps seven lead times, and after the retention it is deleted`() async throws {
        let store = try await store()
        let (air, other) = (try #require(SensorName("air")), try #require(SensorName("other")))
        for sensor in [air, other] { try await store.register(sensor) }
        var outcomes: [DerivedRow] = []
        for sensor in [air, other] {
            var forecaster = AdaptiveForecaster(grid: .fine, network: nil)
            for bin in [1, 2, 1_000] as [Int64] {
                let now = Observation(validAt: Instant(ms: bin * 600_000), humidity: RelativeHumidity(percent: 50), temperature: nil)
                forecaster.observe(now)
                outcomes.append(
                    DerivedRow(sensor, now, through: bin, forecast: forecaster.forecast(), releaseCounter: 1))
            }
        }
        try await store.append([], derived: outcomes)
        try await store.enforce(Retention(), now: Instant(ms: 7 * 86_400_000))
        for sensor in [air, other] {
            #expect(try await store.forecast(of: sensor, origin: Instant(ms: 600_000))?.forecast.leadTimes == ForecastShape.scored)
            #expect(try await store.forecast(of: sensor)?.forecast.leadTimes.count == 54)
            #expect(try await store.forecast(of: sensor)?.forecast.origin.ms == 600_000_000)
        }
        try await store.enforce(Retention(), now: Instant(ms: 403 * 86_400_000))
        #expect(try await store.forecast(of: air, origin: Instant(ms: 600_000)) == nil)
        #expect(try await store.observations(of: air, after: Instant(ms: 0)).count == 1)
    }
}

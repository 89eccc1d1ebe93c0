import Forecasting
import Foundation
import Measures
import Observing
import Runtime
import SQLite
import Testing
import Wire

@testable import EdgeStore
import StoreExamples

private let air = SensorName("air")

private struct Random {
    var state: UInt64
    mutating func next(below limit: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int((state >> 33) % UInt64(limit))
    }
}

@Suite struct StoreRepairTests {
    @Test func `overwriting a page of readings loses only the rows in the page, and holes name these rows`() async throws {
        let folder = try StoreFolder()
        try await folder.fill(3_000)
        let (before, epoch) = (try await folder.open().sendable(), try await folder.open().current.epoch)
        try folder.change { bytes in
            for place in 60 * 1_024..<61 * 1_024 { bytes[place] = 0xA5 }
        }
        let store = try await folder.open()
        try await store.checkIntegrity()
        let after = try await store.sendable()
        #expect(after.allSatisfy { before[$0.key] == $0.value })
        #expect((1...60).contains(before.count - after.count))
        let holes = try await store.read { try $0.log.holes(limit: 100) }.filter { $0.reason == .storeRepaired }
        #expect(holes.allSatisfy { $0.epoch == epoch })
        #expect(holes.reduce(0) { $0 + Int($1.count) } == before.count - after.count)
        #expect(await store.current.epoch != epoch)
        #expect(try folder.names().contains { $0.hasPrefix("readings.damaged-") })
        // The store accepts readings as before.
        try await store.append(minutes(5, from: 9_000))
        #expect(try await folder.open().sendable().count == after.count + 5)
    }

    @Test(arguments: ["reading", "record", "life", "sensor", "delivery", "meta", "observation"])
    func `overwriting the root page of a table loses no reading`(table: String) async throws {
        let folder = try StoreFolder()
        try await folder.fill(3_000)
        let before = try await folder.open().sendable()
        let page = try folder.root(of: table)
        try folder.change { bytes in for place in (page - 1) * 1_024..<page * 1_024 { bytes[place] = 0x5A } }
        let store = try await folder.open()
        try await store.checkIntegrity()
        #expect(try await store.sendable() == before)
    }

    @Test(arguments: [1, 4, 8]) func `overwriting the header and schema pages loses only the rows in those pages`(pages: Int) async throws {
        let folder = try StoreFolder()
        try await folder.fill(3_000)
        let before = try await folder.open().sendable()
        try folder.change { bytes in for place in 0..<pages * 1_024 { bytes[place] = UInt8(truncatingIfNeeded: place * 167) } }
        let store = try await folder.open()
        let after = try await store.sendable()
        #expect(after.allSatisfy { before[$0.key] == $0.value })
        #expect(before.count - after.count <= pages * 50)
        let holes = try await store.read { try $0.log.holes(limit: 100) }.filter { $0.reason == .storeRepaired }
        #expect(holes.reduce(0) { $0 + Int($1.count) } == before.count - after.count)
        #expect(try folder.names().filter { $0.contains("salvaged") || $0.contains("repaired") }.isEmpty)
    }

    @Test func `a changed letter in a table's schema text loses nothing`() async throws {
        let folder = try StoreFolder()
        try await folder.fill(200)
        let before = try await folder.open().sendable()
        try folder.change { bytes in
            let text = try #require(bytes.range(of: Data("body BLOB NOT NULL, checksum".utf8)))
            bytes[text.lowerBound] = UInt8(ascii: "c")
        }
        let store = try await folder.open()
        #expect(try await store.sendable() == before)
        try await store.append(minutes(5, from: 9_000))
    }

    @Test func `a scan of random pages never crashes`() throws {
        var random = Random(state: 3)
        var found = 0
        let folder = try StoreFolder()
        for _ in 0..<60 {
            var bytes = [UInt8](repeating: 0, count: 50 * 1_024)
            for place in bytes.indices { bytes[place] = UInt8(random.next(below: random.next(below: 3) == 0 ? 256 : 16)) }
            for page in 0..<50 { bytes[page * 1_024] = page % 2 == 0 ? 0x0D : 0x0A }
            for page in 0..<50 { bytes[page * 1_024 + 3] = 0 }
            try Data(bytes).write(to: URL(fileURLWithPath: folder.store))
            try PageScan(pageSize: 1_024).forEach(in: folder.store) { _ in found += 1 }
        }
        #expect(found > 0)
    }

    @Test func `rows moved to a new epoch by a conflict are not salvaged again under their old keys`() async throws {
        let folder = try StoreFolder()
        let store = try await folder.open()
        try await store.register(try #require(air))
        try await store.append(minutes(300))
        let life = await store.current
        let answer = BatchAcknowledgement(
            epoch: life.epoch, through: 301, held: [], refused: [], conflicts: Array(100...120),
            next: .init(delayMs: 0, maxReadings: 1, maxBytes: 1), release: nil)
        _ = try await store.settle(answer, sent: 1...301)
        // The log still has the pages from before the move.
        var old = 0
        try PageScan(pageSize: 1_024).forEach(in: folder.store) { row in
            if row.values.count == 11, let key = row.key, (100...120).contains(RowKey(key).sequence), RowKey(key).life == life.number { old += 1 }
        }
        #expect(old >= 21)
        let found = try StoreFile.salvage(of: folder.store)
        #expect(try found.integer("SELECT COUNT(*) FROM reading") == 300)
        #expect(try found.integer("SELECT COUNT(*) FROM reading WHERE key >> 40 > \(life.number)") == 21)
        StoreFile.deleteSalvage(of: folder.store)
    }

    @Test(arguments: 1...24 as ClosedRange<UInt64>)
    func `after random bit flips no altered row is returned, losses are recorded, and the store accepts new rows`(seed: UInt64) async throws {
        let folder = try StoreFolder()
        try await folder.fill(800)
        let before = try await folder.open().sendable()
        var random = Random(state: seed)
        try folder.change { bytes in
            let page = random.next(below: bytes.count / 1_024)
            for _ in 0...random.next(below: 20) { bytes[page * 1_024 + random.next(below: 1_024)] ^= UInt8(1 << random.next(below: 8)) }
        }
        let store = try await folder.open()
        try await store.checkIntegrity()
        let after = try await store.sendable()
        // The same reading under the same key: a row with another key would be stored twice.
        #expect(after.allSatisfy { before[$0.key] == $0.value })
        let missing = before.count - after.count
        if missing > 0 {
            // Rows at the very end of the log cannot be counted.
            let holes = try await store.read { try $0.log.holes(limit: 1_000) }.filter { $0.reason == .storeRepaired }
            let isEnd = holes.contains { $0.sequences == nil }
            #expect(isEnd || holes.reduce(0) { $0 + Int($1.count) } == missing)
        }
        try await store.register(try #require(air))
        try await store.append(minutes(5, from: 9_000))
        #expect(try await folder.open().sendable().count == after.count + 5)
    }

    @Test(arguments: ["", "this is no database, but some text that someone put here", String(repeating: "\0", count: 9_000)])
    func `a file that is not a database is set aside, and a new store is created`(content: String) async throws {
        let folder = try StoreFolder()
        try Data(content.utf8).write(to: URL(fileURLWithPath: folder.store))
        let store = try await folder.open()
        try await store.register(try #require(air))
        try await store.append(minutes(3))
        #expect(try await folder.open().sendable().count == 3)
        #expect(try folder.names().contains { $0.hasPrefix("readings.damaged-") } != content.isEmpty)
    }

    @Test func `a store of a newer version is set aside as a whole, and the daemon continues with a new store`() async throws {
        let folder = try StoreFolder()
        try await folder.fill(10)
        try Connection(path: folder.store).execute("PRAGMA user_version = 99; ALTER TABLE life RENAME COLUMN refused TO declined")
        let store = try await folder.open()
        #expect(try await store.sendable().isEmpty)
        let aside = try #require(try folder.names().first { $0.hasPrefix("readings.newer-v99-") && $0.hasSuffix(".sqlite") })
        #expect(try Connection(path: "\(folder.path)/\(aside)").integer("SELECT COUNT(*) FROM reading") == 10)
    }

    @Test func `a file deleted under the running daemon is written again, and nothing is lost`() async throws {
        let folder = try StoreFolder()
        try await folder.fill(500)
        let store = try await folder.open()
        try await store.append(minutes(20, from: 1_000))
        let before = try await store.sendable()
        try FileManager.default.removeItem(atPath: folder.store)
        try await store.append(minutes(1, from: 2_000))
        let after = try await folder.open().sendable()
        #expect(after.count == 521 && before.allSatisfy { after[$0.key] == $0.value })
    }

    @Test func `without a usable disk rows are kept in memory, sent from memory, and moved to the disk when it returns`() async throws {
        let folder = try StoreFolder()
        try await folder.fill(10)
        // A folder in place of the file: the store cannot be opened.
        try FileManager.default.moveItem(atPath: folder.store, toPath: folder.path + "/away")
        try FileManager.default.createDirectory(atPath: folder.store, withIntermediateDirectories: true)
        let store = try await folder.open()
        #expect(try await store.counts().memoryOnly != nil)
        try await store.register(try #require(air))
        try await store.append(minutes(7, from: 100))
        let inMemory = try await store.sendable()
        #expect(inMemory.count == 7)
        try await store.retryDisk()
        #expect(try await store.counts().memoryOnly != nil)
        try FileManager.default.removeItem(atPath: folder.store)
        try FileManager.default.moveItem(atPath: folder.path + "/away", toPath: folder.store)
        try await store.retryDisk()
        #expect(try await store.counts().memoryOnly == nil)
        try await store.append(minutes(1, from: 200))
        let after = try await folder.open().sendable()
        #expect(after.count == 18 && inMemory.allSatisfy { after[$0.key] == $0.value })
    }

    @Test func `an interrupted repair is completed at the next start`() async throws {
        let folder = try StoreFolder()
        try await folder.fill(30)
        let before = try await folder.open().sendable()
        let target = try StoreFile.beginRepair(of: folder.store)
        var report = StoreMerge.Report()
        try StoreMerge(target: target).merge(from: StoreFile.connection(folder.store), skipsDamage: true, &report)
        try StoreFile.completeRepair(target, of: folder.store, backupLabel: "damaged")
        // The repair stops here, when both files exist, and again in the middle of the renames.
        try FileManager.default.moveItem(atPath: folder.store, toPath: folder.path + "/readings.damaged-1.sqlite")
        #expect(try await folder.open().sendable() == before)
    }

    @Test func `a flipped bit in the write-ahead log discards the later commits, and a hole records the loss`() async throws {
        let folder = try StoreFolder()
        try await folder.fill(10)
        // The state after a killed daemon: the log still exists, with forty commits.
        let store = try await folder.open()
        for minute in 0..<40 { try await store.append(minutes(1, from: 100 + minute)) }
        let killed = try StoreFolder()
        for suffix in ["", "-wal"] { try FileManager.default.copyItem(atPath: folder.store + suffix, toPath: killed.store + suffix) }
        let whole = try await killed.open()
        #expect(try await whole.sendable().count == 50)
        #expect(await whole.lives.count == 1)
        let damaged = try StoreFolder()
        for suffix in ["", "-wal"] { try FileManager.default.copyItem(atPath: folder.store + suffix, toPath: damaged.store + suffix) }
        var log = try Data(contentsOf: URL(fileURLWithPath: damaged.store + "-wal"))
        log[32 + 20 * (24 + 1_024) + 500] ^= 4
        try log.write(to: URL(fileURLWithPath: damaged.store + "-wal"))
        let cut = try await damaged.open()
        #expect((10..<50).contains(try await cut.sendable().count))
        #expect(await cut.lives.count == 2)
        #expect(try await cut.read { try $0.log.holes(limit: 1) }.first?.reason == .storeRepaired)
        #expect(try damaged.names().contains { $0.hasPrefix("readings.damaged-") && $0.hasSuffix(".wal") })
    }

    @Test func `an unreadable forecast does not prevent readings from being stored`() async throws {
        let folder = try StoreFolder()
        try await folder.fill(3)
        let air = try #require(air)
        let store = try await folder.open()
        func outcome(_ bin: Int64) -> DerivedRow {
            let now = Observation(validAt: Instant(ms: bin * 600_000), humidity: RelativeHumidity(percent: 50), temperature: nil)
            var forecaster = AdaptiveForecaster(grid: .fine, network: nil)
            forecaster.observe(now)
            return DerivedRow(air, now, through: 0, forecast: forecaster.forecast())
        }
        try await store.append(minutes(1, from: 100), derived: [outcome(100)])
        try await store.run("UPDATE forecast SET body = x'ff'")
        try await store.append(minutes(1, from: 200), derived: [outcome(106)])
        #expect(try await store.sendable().count == 5)
        try await store.enforce(Retention(), now: Instant(ms: 30 * 86_400_000))
    }

    @Test func `a store that lost its version number is repaired, not replaced`() async throws {
        let folder = try StoreFolder()
        try await folder.fill(20)
        let before = try await folder.open().sendable()
        try Connection(path: folder.store).execute("PRAGMA user_version = 0")
        #expect(try await folder.open().sendable() == before)
        // One bit more gives a version that does not exist: rows in the format of this store are still salvaged.
        try Connection(path: folder.store).execute("PRAGMA user_version = 5")
        #expect(try await folder.open().sendable() == before)
    }

    @Test func `an altered reading is detected when it is read, and the daemon still starts`() async throws {
        let folder = try StoreFolder()
        try await folder.fill(20)
        let other = try Connection(path: folder.store)
        try other.execute("UPDATE reading SET humidity_mpct = humidity_mpct + 1 WHERE key & 1023 = 20")
        try other.checkpoint()  // otherwise the unaltered row may remain in the file, behind the log, and would be salvaged from there
        let store = try await folder.open()
        let air = try #require(air)
        #expect(try await store.log(of: air, after: 0, limit: 100).count == 19)
        #expect(try await store.read { try $0.log.holes(limit: 1) }.first?.count == 1)
    }

    @Test func `a damaged last sequence does not create a gap of a billion rows`() async throws {
        let folder = try StoreFolder()
        try await folder.fill(20)
        try Connection(path: folder.store).execute("UPDATE life SET last = last + 1099511000")
        let store = try await folder.open()
        #expect(await store.lives[0].backlog == 21)
    }
}

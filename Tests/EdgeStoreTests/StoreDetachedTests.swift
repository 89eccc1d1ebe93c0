import Foundation
import Measures
import SQLite
import Testing

@testable import EdgeStore
import StoreExamples

extension ReadingStore {
    /// The state after a failed write.
    func distrust() { walIsSuspect = true }
    func run(_ sql: String) throws { try database.execute(sql) }
    func emptyLog() throws { try database.checkpoint() }
}

/// Two faults at once: a failed disk, and a file that is gone, damaged, replaced or read by another process.
@Suite struct StoreDetachedTests {
    @Test func `after a failed write, deleting the file loses nothing`() async throws {
        let folder = try StoreFolder()
        try await folder.fill(500)
        let store = try await folder.open()
        let before = try await store.sendable()
        await store.distrust()
        try FileManager.default.removeItem(atPath: folder.store)
        try await store.append(minutes(3, from: 2_000))
        let after = try await folder.open().sendable()
        #expect(after.count == 503 && before.allSatisfy { after[$0.key] == $0.value })
    }

    @Test func `after a failed write, damage to the file's header loses nothing`() async throws {
        let folder = try StoreFolder()
        try await folder.fill(500)
        let store = try await folder.open()
        let before = try await store.sendable()
        await store.distrust()
        try folder.overwrite(0, [UInt8](repeating: 0x5A, count: 1_024))
        try await store.append(minutes(2, from: 2_000))
        let after = try await folder.open().sendable()
        #expect(after.count == 502 && before.allSatisfy { after[$0.key] == $0.value })
    }

    @Test func `after a failed write, no commit succeeds while another process reads, and rows are still sent`() async throws {
        let folder = try StoreFolder()
        try await folder.fill(300)
        let store = try await folder.open()
        try await store.append(minutes(1, from: 1_000))
        let other = try Connection(path: folder.store, access: .readOnly)
        try other.execute("BEGIN")
        #expect(try other.integer("SELECT COUNT(*) FROM reading") == 301)
        try await store.append(minutes(1, from: 2_000))
        await store.distrust()
        let error = await #expect(throws: SQLiteError.self) { try await store.append(minutes(1, from: 3_000)) }
        #expect(error?.isRetryable == true)
        #expect(try await store.sendable().count == 302)
        try other.execute("COMMIT")
        try await store.commitPending()
        #expect(try await store.sendable().count == 303)
    }

    @Test func `if an undamaged copy replaces the damaged open file, the copy is used, and newer rows are added to it`() async throws {
        let folder = try StoreFolder()
        try await folder.fill(6_000)
        let store = try await folder.open()
        let before = try await folder.open().sendable()
        try folder.copy()
        for page in 60..<160 { try folder.overwrite(page * 1_024, [UInt8](repeating: 0xA5, count: 1_024)) }
        for suffix in ["", "-wal", "-shm"] where FileManager.default.fileExists(atPath: folder.store + suffix) {
            try FileManager.default.moveItem(atPath: folder.store + suffix, toPath: folder.path + "/away" + suffix)
        }
        try folder.putCopyInPlace()
        try await store.append(minutes(3, from: 50_000))
        let after = try await folder.open().sendable()
        #expect(after.count == 6_003 && before.allSatisfy { after[$0.key] == $0.value })
    }

    @Test(arguments: [true, false])
    func `an older copy that replaces the open file gets the missing rows from the open file`(withLog: Bool) async throws {
        let folder = try StoreFolder()
        try await folder.fill(100)
        try folder.copy()
        let store = try await folder.open()
        try await store.append(minutes(50, from: 1_000))
        let before = try await store.sendable()
        // `mv` leaves the log of the open file where it was.
        for suffix in withLog ? ["", "-wal", "-shm"] : [""] where FileManager.default.fileExists(atPath: folder.store + suffix) {
            try FileManager.default.removeItem(atPath: folder.store + suffix)
        }
        try folder.putCopyInPlace()
        try await store.append(minutes(1, from: 2_000))
        let again = try await folder.open()
        let after = try await again.sendable()
        #expect(after.count == 151 && before.allSatisfy { after[$0.key] == $0.value })
        #expect(await again.lives.reduce(0) { $0 + $1.backlog } >= 152)
        #expect(try await again.read { try $0.log.holes(limit: 10) }.isEmpty)
    }

    @Test func `if a damaged older copy replaces the open file, no row counts as gone`() async throws {
        let folder = try StoreFolder()
        try await folder.fill(1_500)
        try folder.copy()
        let store = try await folder.open()
        try await store.append(minutes(50, from: 5_000))
        let before = try await store.sendable()
        try FileManager.default.removeItem(atPath: folder.store)
        try folder.putCopyInPlace()
        let root = try folder.root(of: "reading")
        try folder.overwrite((root - 1) * 1_024, [UInt8](repeating: 0x5A, count: 1_024))
        try await store.append(minutes(1, from: 9_000))
        let again = try await folder.open()
        let after = try await again.sendable()
        #expect(after.count == 1_551 && before.allSatisfy { after[$0.key] == $0.value })
        #expect(await again.lives.reduce(0) { $0 + $1.backlog } >= 1_552)
    }

    @Test func `a deleted file without room for a new one keeps its rows in memory, and writes them when there is room`() async throws {
        let folder = try StoreFolder()
        try await folder.fill(100)
        let store = try await folder.open()
        try await store.register(try #require(SensorName("air")))
        let before = try await store.sendable()
        try FileManager.default.removeItem(atPath: folder.store)
        // A folder of that name refuses the repaired file, as a full disk would.
        try FileManager.default.createDirectory(atPath: folder.store + ".repaired", withIntermediateDirectories: true)
        try await store.append(minutes(2, from: 1_000))
        #expect(try await store.counts().memoryOnly != nil)
        try FileManager.default.removeItem(atPath: folder.store + ".repaired")
        try await store.retryDisk()
        #expect(try await store.counts().memoryOnly == nil)
        let after = try await folder.open().sendable()
        #expect(after.count == 102 && before.allSatisfy { after[$0.key] == $0.value })
    }

    /// The file offset of a child's page number in the inner page, and the bytes of that number.
    private func inner(_ folder: StoreFolder) throws -> (place: (Int) -> Int, child: (Int) -> [UInt8]) {
        let start = (try folder.root(of: "reading") - 1) * 1_024
        let page = [UInt8](try Data(contentsOf: URL(fileURLWithPath: folder.store))[start..<start + 1_024])
        #expect(page[0] == 5)
        func cell(_ index: Int) -> Int { Int(page[12 + 2 * index]) << 8 | Int(page[13 + 2 * index]) }
        return ({ start + cell($0) }, { Array(page[cell($0)..<cell($0) + 4]) })
    }

    @Test(.timeLimit(.minutes(1)), arguments: [false, true])
    func `page pointers that lead to rows already read, or nowhere, lose nothing`(nowhere: Bool) async throws {
        let folder = try StoreFolder()
        try await folder.fill(1_500)
        let before = try await folder.open().sendable()
        let (place, child) = try inner(folder)
        try folder.overwrite(place(10), child(3))
        if nowhere { try folder.overwrite(place(11), [0, 0x7F, 0, 0]) }
        let store = try await folder.open()
        try await store.checkIntegrity()
        #expect(try await store.sendable() == before)
    }

    @Test func `a hole counts the rows of a lost last page even if the log has older images of the life row`() async throws {
        let folder = try StoreFolder()
        try await folder.fill(1_500)
        let life = try folder.root(of: "life")
        let young = [UInt8](try Data(contentsOf: URL(fileURLWithPath: folder.store))[(life - 1) * 1_024..<life * 1_024])
        let store = try await folder.open()
        try await store.markUndeliverable(await store.current.epoch, 5)  // from now on the life row stores the number of rows
        try await store.emptyLog()
        let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: folder.store)))
        let root = (try folder.root(of: "reading") - 1) * 1_024
        let last = bytes[root + 8..<root + 12].reduce(0) { $0 << 8 | Int($1) }
        let damaged = try StoreFolder()
        try Data(bytes).write(to: URL(fileURLWithPath: damaged.store))
        try damaged.overwrite((last - 1) * 1_024, [UInt8](repeating: 0xA5, count: 1_024))
        // One live commit in the log, then a frame left from an earlier use of the log.
        let writer = try Connection(path: damaged.store)
        try writer.execute("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; UPDATE life SET refused = refused")
        var log = try Data(contentsOf: URL(fileURLWithPath: damaged.store + "-wal"))
        log.append(Data([UInt8](repeating: 7, count: 24) + young))
        let copy = try StoreFolder()
        try FileManager.default.copyItem(atPath: damaged.store, toPath: copy.store)
        try log.write(to: URL(fileURLWithPath: copy.store + "-wal"))
        let mended = try await copy.open()
        try await mended.checkIntegrity()
        let left = try await mended.sendable().count
        let holes = try await mended.read { try $0.log.holes(limit: 100) }.filter { $0.sequences != nil }
        #expect(left < 1_499 && holes.map(\.sequences) == [Int64(left + 2)...1_501])
    }

    @Test(arguments: ["1e300", "-1e300", "9e18", "NULL"]) func `a score damaged by a bit flip does not stop the store`(value: String) async throws {
        let folder = try StoreFolder()
        try await folder.fill(3)
        let store = try await folder.open()
        let count = value == "NULL" ? "5" : "9223372036854775807"
        let sum = value == "NULL" ? "0" : value
        for sensor in 1...2 { try await store.run("INSERT INTO score VALUES (1, 1, \(sensor), 600, \(count), \(sum), 1, 1, 1, \(count))") }
        #expect(try await store.read { try $0.scores.live() }.count == 1)
    }
}

import Foundation
import Measures
import Runtime
import SQLite
import Synchronization
import Testing
import Wire

@testable import EdgeDaemon

private let air = SensorName("air")
private let host = HostIdentity(fingerprint: "host-a", bootID: "boot-1")

private let leftFolders: Mutex<[String]> = {
    atexit { leftFolders.withLock { for path in $0 { try? FileManager.default.removeItem(atPath: path) } } }
    return Mutex([])
}()

/// A folder with a store in it, for tests that damage the file.
final class StoreFolder {
    let path = FileManager.default.temporaryDirectory.path + "/vaho-repair-\(UInt64.random(in: 0...(.max)))"
    var store: String { path + "/readings.sqlite" }
    init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }
    /// A store that was opened here may still be closing, and its log comes and goes meanwhile: what is left goes at the end.
    deinit {
        guard (try? FileManager.default.removeItem(atPath: path)) == nil else { return }
        leftFolders.withLock { [path] in $0.append(path) }
    }

    func open() async throws -> ReadingStore { try await ReadingStore(path: store, host: host, log: Log("test", least: .error)) }
    func names() throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: path).sorted() }

    /// Readings 2 to `count` + 1 in the file itself, none in its write-ahead log.
    func fill(_ count: Int) async throws {
        let store = try await open()
        try await store.register(SensorRecord(sensor: try #require(air), kind: "simulated", step: .seconds(600)))
        try await store.append(minutes(count))
        try await store.emptyLog()
    }

    /// In place: the file stays the one that others have open.
    func overwrite(_ place: Int, _ bytes: [UInt8]) throws {
        let file = try FileHandle(forUpdating: URL(fileURLWithPath: store))
        try file.seek(toOffset: UInt64(place))
        try file.write(contentsOf: Data(bytes))
        try file.close()
    }

    /// A copy of the store's file as it is, for later.
    func copy() throws { try FileManager.default.copyItem(atPath: store, toPath: path + "/copy") }
    /// Where the store was: its own file must be away.
    func putCopyInPlace() throws { try FileManager.default.moveItem(atPath: path + "/copy", toPath: store) }

    /// The page that a table begins with, counted from 1.
    func root(of table: String) throws -> Int {
        Int(try #require(try Connection(path: store).integer("SELECT rootpage FROM sqlite_master WHERE name = '\(table)'")))
    }

    func change(_ change: (inout Data) throws -> Void) throws {
        var bytes = try Data(contentsOf: URL(fileURLWithPath: store))
        try change(&bytes)
        try bytes.write(to: URL(fileURLWithPath: store))
    }
}

func minutes(_ count: Int, from minute: Int = 0) throws -> [NewRow] {
    let air = try #require(air)
    return (0..<count).map {
        .reading(
            SensorReading(
                sensor: air,
                reading: Reading(
                    takenAt: Instant(ms: Int64(minute + $0 + 1) * 60_000), humidityMpct: Int32(45_000 + $0 % 9_000), temperatureMc: 20_000, boot: 1,
                    boottimeMs: Int64(minute + $0) * 60_000)))
    }
}

extension ReadingStore {
    func run(_ sql: String) throws { try database.execute(sql) }
    func emptyLog() throws { try database.checkpoint() }

    /// Every reading that can be sent, by epoch and sequence.
    func sendable() throws -> [String: Reading] {
        var found: [String: Reading] = [:]
        for life in allLives where life.last > 0 {
            var next: Int64 = 1
            while next <= life.last, let batch = try batch(of: life.epoch, from: next, through: life.last, limit: 5_000) {
                for (place, row) in batch.rows.enumerated() {
                    if case .reading(_, let reading) = row { found["\(life.epoch)/\(batch.first + Int64(place))"] = reading }
                }
                next = batch.last + 1
            }
        }
        return found
    }
}

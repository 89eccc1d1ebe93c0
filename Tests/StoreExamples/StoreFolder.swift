package import EdgeStore
package import Foundation
import Measures
import Runtime
import SQLite
import Synchronization
import Testing

private let air = SensorName("air")

private let leftFolders: Mutex<[String]> = {
    atexit { leftFolders.withLock { for path in $0 { try? FileManager.default.removeItem(atPath: path) } } }
    return Mutex([])
}()

/// A folder with a store in it, for tests that damage the file.
package final class StoreFolder {
    package let path = FileManager.default.temporaryDirectory.path + "/vaho-repair-\(UInt64.random(in: 0...(.max)))"
    package var store: String { path + "/readings.sqlite" }
    package init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }
    /// A store opened in this folder may still be closing, and its log comes and goes meanwhile: leftovers are removed at exit.
    deinit {
        guard (try? FileManager.default.removeItem(atPath: path)) == nil else { return }
        leftFolders.withLock { [path] in $0.append(path) }
    }

    package func open() async throws -> ReadingStore { try await ReadingStore(path: store, host: .example, log: Log("test", minimumLevel: .error)) }
    package func names() throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: path).sorted() }

    /// Readings 2 to `count` + 1 in the file itself, none in its write-ahead log.
    package func fill(_ count: Int) async throws {
        let store = try await open()
        try await store.register(try #require(air))
        try await store.append(minutes(count))
        try Connection(path: self.store).checkpoint()
    }

    /// Writes in place, so that the file stays the one that others have open.
    package func overwrite(_ place: Int, _ bytes: [UInt8]) throws {
        let file = try FileHandle(forUpdating: URL(fileURLWithPath: store))
        try file.seek(toOffset: UInt64(place))
        try file.write(contentsOf: Data(bytes))
        try file.close()
    }

    /// Copies the store's file, for later.
    package func copy() throws { try FileManager.default.copyItem(atPath: store, toPath: path + "/copy") }
    /// Moves the copy to the path of the store; the original must have been moved away.
    package func putCopyInPlace() throws { try FileManager.default.moveItem(atPath: path + "/copy", toPath: store) }

    /// The root page of a table, counted from 1.
    package func root(of table: String) throws -> Int {
        Int(try #require(try Connection(path: store).integer("SELECT rootpage FROM sqlite_master WHERE name = '\(table)'")))
    }

    package func change(_ change: (inout Data) throws -> Void) throws {
        var bytes = try Data(contentsOf: URL(fileURLWithPath: store))
        try change(&bytes)
        try bytes.write(to: URL(fileURLWithPath: store))
    }
}

/// Readings of the sensor air, a minute apart.
package func minutes(_ count: Int, from minute: Int = 0) throws -> [NewRow] {
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

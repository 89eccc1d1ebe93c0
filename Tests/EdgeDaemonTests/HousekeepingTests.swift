@testable import EdgeDaemon
import EdgeStore
import Examples
import Foundation
import Measures
import Runtime
import StoreExamples
import Testing

@Suite(.timeLimit(.minutes(1))) struct HousekeepingTests {
    private let clock = ManualClock()
    private let log = Log("test", minimumLevel: .error)

    /// Runs the periodic work while `test` runs.
    private func run(_ store: ReadingStore, _ retention: Retention = Retention(), _ test: () async throws -> Void) async throws {
        let work = Housekeeping(store: store, retention: retention, clock: .live(), serviceClock: clock.serviceClock, log: log)
        try await clock.running(work, test)
    }

    @Test func `a store above its byte limit loses its oldest readings at the first check, and then every ten minutes`() async throws {
        let store = try await ReadingStore.example()
        try await store.register(try #require(SensorName("air")))
        try await store.append(minutes(6_000))
        var retention = Retention()
        retention.byteLimit = 1
        try await run(store, retention) {
            #expect(try await store.counts().readings == 6_000)
            await clock.advance(.seconds(10))
            #expect(try await store.counts().readings == 0)
            try await store.append(minutes(10, from: 6_000))
            for _ in 0..<59 { await clock.advance(.seconds(10)) }
            #expect(try await store.counts().readings == 10)
            await clock.advance(.seconds(10))
            #expect(try await store.counts().readings == 0)
        }
    }

    @Test func `a store in memory returns to the disk within ten seconds after the disk works again`() async throws {
        let folder = try StoreFolder()
        try await folder.fill(5)
        let away = folder.path + "-away"
        try FileManager.default.moveItem(atPath: folder.path, toPath: away)
        defer { try? FileManager.default.removeItem(atPath: away) }
        let store = try await folder.open()
        #expect(try await store.counts().memoryOnly != nil)
        try await store.register(try #require(SensorName("air")))
        try await store.append(minutes(2, from: 100))
        try await run(store) {
            await clock.advance(.seconds(10))
            #expect(try await store.counts().memoryOnly != nil)
            try FileManager.default.moveItem(atPath: away, toPath: folder.path)
            await clock.advance(.seconds(10))
            #expect(try await store.counts().memoryOnly == nil)
            #expect(try await store.counts().readings == 7)
        }
    }
}

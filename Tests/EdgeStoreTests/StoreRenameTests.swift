@testable import EdgeStore
import StoreExamples
import Measures
import Runtime
import Testing
import Wire

@Suite struct StoreRenameTests {
    private let folder: StoreFolder
    private let (air, hall): (SensorName, SensorName)

    init() throws {
        folder = try StoreFolder()
        (air, hall) = (try #require(SensorName("air")), try #require(SensorName("hall")))
    }

    private func register(_ name: SensorName, _ store: ReadingStore) async throws {
        try await store.register(name)
    }

    private func outcome(_ sensor: SensorName, minute: Int64) -> DerivedRow {
        DerivedRow(
            sensor, Observation(validAt: Instant(ms: minute * 60_000), humidity: RelativeHumidity(percent: 45), temperature: nil), through: 0)
    }

    /// The minutes of the readings in a sensor's series.
    private func minutes(_ name: SensorName, _ store: ReadingStore) async throws -> [Int64] {
        return try await store.log(of: name, after: -1, limit: 1_000).map { $0.reading.takenAt.ms / 60_000 }
    }

    @Test func `a series continues under another name, and another sensor may take the old name`() async throws {
        var store = try await folder.open()
        try await register(air, store)
        try await store.append(StoreExamples.minutes(30), derived: [outcome(air, minute: 10), outcome(air, minute: 20)])
        // The sensor was called hall for a while before the rename was entered.
        try await register(hall, store)
        try await store.append(named(hall, StoreExamples.minutes(10, from: 30)), derived: [outcome(hall, minute: 40)])
        try await store.write { [air, hall] in try $0.rename(air, to: hall, enteredAt: Instant(ms: 7), now: Instant(ms: 31 * 60_000)) }
        try await register(hall, store)
        try await register(air, store)
        try await store.append(StoreExamples.minutes(5, from: 40))
        for _ in 0..<2 {
            #expect(try await minutes(hall, store) == Array(1...40))
            #expect(try await minutes(air, store) == Array(41...45))
            #expect(try await store.observations(of: hall, after: Instant(ms: 0)).map { $0.validAt.ms / 60_000 } == [10, 20, 40])
            #expect(try await store.newestInstant(of: hall) == Instant(ms: 40 * 60_000))
            #expect(try await store.newestInstant(of: air) == Instant(ms: 45 * 60_000))
            #expect(await store.corrections.containsRename(of: air, to: hall, enteredAt: Instant(ms: 7)))
            store = try await folder.open()  // as at the next start of the program
        }
        // Rows are sent with the sensor name they were stored with, whatever the sensor is called now.
        let life = await store.current
        let batch = try #require(try await store.batch(of: life.epoch, from: 1, through: life.last, limit: 1_000))
        let names = batch.rows.compactMap { if case .reading(let place, _) = $0 { batch.sensors[place] } else { nil } }
        #expect(names == Array(repeating: air, count: 30) + Array(repeating: hall, count: 10) + Array(repeating: air, count: 5))
        let rename = SensorRename(sensor: air, name: hall, until: Instant(ms: 31 * 60_000), enteredAt: Instant(ms: 7))
        #expect(batch.rows.contains(.record(.rename(rename))))
    }

    @Test func `only the new name is listed, and the rename ends after the last reading of the old name`() async throws {
        let store = try await folder.open()
        try await register(air, store)
        try await store.append(StoreExamples.minutes(30))
        try await store.write { [air, hall] in try $0.rename(air, to: hall, enteredAt: Instant(ms: 7), now: Instant(ms: 0)) }
        #expect(try await store.read { try $0.sensors.all() }.map(\.record.sensor) == [hall])
        let newestPassed = try await store.read { [hall] tables in tables.log.newestPassed[try tables.sensors.id(hall)] }
        #expect(newestPassed?.takenAt == Instant(ms: 30 * 60_000))
        #expect(try await minutes(hall, store).count == 30)
        // A sensor that this store never had; the cloud may have it.
        let roof = try #require(SensorName("roof"))
        try await store.write { [air] in try $0.rename(roof, to: air, enteredAt: Instant(ms: 9), now: Instant(ms: 99)) }
        let life = await store.current
        let rows = try #require(try await store.batch(of: life.epoch, from: life.last, through: life.last, limit: 1)).rows
        #expect(rows == [.record(.rename(SensorRename(sensor: roof, name: air, until: Instant(ms: 99), enteredAt: Instant(ms: 9))))])
    }

    @Test func `an applied rename stays known after its record or its row in the table is deleted`() async throws {
        for table in ["DELETE FROM record", "DELETE FROM sensor_rename"] {
            let folder = try StoreFolder()
            var store = try await folder.open()
            try await register(air, store)
            try await store.append(StoreExamples.minutes(30))
            try await store.write { [air, hall] in try $0.rename(air, to: hall, enteredAt: Instant(ms: 7), now: Instant(ms: 31 * 60_000)) }
            try await store.run(table)
            store = try await folder.open()
            #expect(await store.corrections.containsRename(of: air, to: hall, enteredAt: Instant(ms: 7)))
            #expect(try await minutes(hall, store).count == 30)
        }
    }

    @Test func `two names with readings at the same time are two sensors`() async throws {
        let store = try await folder.open()
        for name in [air, hall] { try await register(name, store) }
        try await store.append(StoreExamples.minutes(30))
        func haveOverlappingReadings(_ one: SensorName, _ other: SensorName) async throws -> Bool {
            try await store.read { try $0.haveOverlappingReadings(one, other) }
        }
        #expect(try await !haveOverlappingReadings(air, hall))
        try await store.append(named(hall, StoreExamples.minutes(10, from: 31)))
        for (one, other) in [(air, hall), (hall, air)] { #expect(try await !haveOverlappingReadings(one, other)) }
        try await store.append(StoreExamples.minutes(1, from: 50))
        for (one, other) in [(air, hall), (hall, air)] { #expect(try await haveOverlappingReadings(one, other)) }
    }

    private func named(_ name: SensorName, _ rows: [NewRow]) -> [NewRow] {
        rows.map { if case .reading(let taken) = $0 { .reading(.init(sensor: name, reading: taken.reading)) } else { $0 } }
    }
}

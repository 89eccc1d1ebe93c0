@testable import EdgeStore
import Measures
import SQLite
import StoreExamples
import Testing

/// Version 3 of the store kept in `meta`, as text, what version 4 keeps in tables.
@Suite struct StoreMigrationTests {
    private static let newTables = [
        "life_copy", "sensor_copy", "calibration", "sensor_rename", "raised_alarm", "waiting_alarm", "comparison",
    ]

    /// Turns a closed store back into version 3.
    private func turnBack(_ path: String, texts: [(name: String, value: String)]) throws {
        let database = try Connection(path: path)
        for (name, value) in texts { try database.run("INSERT OR REPLACE INTO meta VALUES (?, ?)", name, value) }
        for table in Self.newTables { try database.execute("DROP TABLE \(table)") }
        try database.execute("PRAGMA user_version = 3")
    }

    private func alarm(_ fields: String...) -> String { fields.joined(separator: "\u{1F}") }

    @Test func `names, alarms and calibrations move into tables, and rows keep their keys`() async throws {
        let folder = try StoreFolder()
        let (air, hall, roof) = (try #require(SensorName("air")), try #require(SensorName("hall")), try #require(SensorName("roof")))
        let calibration = Calibration(sensor: air, from: Instant(ms: 60_000), enteredAt: Instant(ms: 70_000), offsetMpct: 500)
        let epoch: Epoch
        do {
            let store = try await folder.open()
            try await store.register(air)
            try await store.append(minutes(20) + [.record(.calibration(calibration))])
            epoch = await store.current.epoch
        }
        let before = try await folder.open().sendable()
        try turnBack(
            folder.store,
            texts: [
                ("life:1", epoch.description), ("sensor:1", "air"), ("rename.9.roof", "roof hall 2000"), ("calibrations_through", "70000"),
                ("alarm.raised.damp.air", alarm("damp", "humidity above 65 %", "air", "raised", "5", "6", "70.250", "", "7", "", "60")),
                ("alarm.untold.command.0000000000000012", alarm("damp", "humidity above 65 %", "air", "raised", "5", "6", "70.250", "")),
                ("alarm.untold.web.hook.0000000000000013", alarm("damp", "humidity above 65 %", "air", "ended", "5", "8", "60.000", "9")),
                ("release_counter", "1790000000"), ("release_sha256", "abcd"), ("uplink", "delivering 0 5 "),
            ])

        let store = try await folder.open()
        #expect(try await store.sendable() == before && before.count == 20)
        #expect(await store.lives.map(\.epoch) == [epoch])
        #expect(await store.corrections.calibrations == [calibration])
        #expect(await store.corrections.containsRename(of: roof, to: hall, enteredAt: Instant(ms: 9)))
        #expect(try await store.read { try $0.meta.value("uplink") } == "delivering 0 5 ")
        let raised = try await store.read { try $0.alarms.raised() }
        var damp = Alarm(
            rule: "damp", text: "humidity above 65 %", sensor: air, state: .raised, since: Instant(ms: 5), at: Instant(ms: 6), value: 70.25)
        let untold = try await store.read { try $0.alarms.undelivered(for: "command") }
        #expect(untold.map(\.number) == [12] && untold.map(\.alarm) == [damp])
        damp.expected = Alarm.Expectation(from: Instant(ms: 7), until: nil, percent: 60)
        #expect(raised == [damp])
        #expect(try await store.read { try $0.alarms.undelivered(for: "web.hook") }.map(\.alarm.validAt) == [Instant(ms: 9)])

        let database = try Connection(path: folder.store, access: .readOnly)
        #expect(try database.integer("SELECT COUNT(*) FROM meta WHERE name LIKE '%:%' OR name LIKE '%.%' OR name LIKE 'release%'") == 0)
        #expect(try database.integer("SELECT COUNT(*) FROM life_copy") == 1 && database.integer("SELECT COUNT(*) FROM sensor_copy") == 1)
        #expect(try folder.names().filter { $0.hasPrefix("readings.") }.allSatisfy { $0.hasPrefix("readings.sqlite") })
    }

    @Test func `a calibration persists after its record is deleted`() async throws {
        let folder = try StoreFolder()
        let air = try #require(SensorName("air"))
        let calibration = Calibration(sensor: air, from: Instant(ms: 60_000), enteredAt: Instant(ms: 70_000), offsetMpct: 500)
        do {
            let store = try await folder.open()
            try await store.register(air)
            try await store.append(minutes(3) + [.record(.calibration(calibration))])
        }
        try Connection(path: folder.store).execute("DELETE FROM record")
        #expect(try await folder.open().corrections.calibrations == [calibration])
    }

    @Test func `a damaged store of version 3 keeps its names`() async throws {
        let folder = try StoreFolder()
        try await folder.fill(300)
        let epoch = try await folder.open().current.epoch
        try turnBack(folder.store, texts: [("life:1", epoch.description), ("sensor:1", "air"), ("release_counter", "7"), ("release_sha256", "ab")])
        let root = try folder.root(of: "life")
        try Connection(path: folder.store).checkpoint()
        try folder.overwrite((root - 1) * 1_024, [UInt8](repeating: 0x5A, count: 1_024))
        let store = try await folder.open()
        #expect(try await store.sendable().keys.filter { $0.hasPrefix(epoch.description) }.count == 300)
    }
}

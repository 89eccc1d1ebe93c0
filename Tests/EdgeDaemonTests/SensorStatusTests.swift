@testable import EdgeDaemon
import EdgeStore
import StoreExamples
import Measures
import Observing
import Runtime
import Testing

/// A sensor's state, read from the store.
@Suite struct SensorStatusTests {
    private let air = SensorName("air")
    private let start = Instant(ms: 1_790_000_400_000)

    private func store(_ folder: StoreFolder? = nil) async throws -> ReadingStore {
        let log = Log("test", minimumLevel: .error)
        let store = try await ReadingStore(
            path: folder?.store ?? ":memory:", host: HostIdentity(fingerprint: "a", bootID: "b"), log: log)
        try await store.register(SensorRecord(sensor: try #require(air), kind: "iio", step: .seconds(600)))
        return store
    }

    /// - Returns: the key of the last reading.
    @discardableResult
    private func append(_ store: ReadingStore, _ readings: [(minute: Int64, mpct: Int32?, flags: ReadingFlags)]) async throws -> Int64 {
        let sensor = try #require(air)
        let keys = try await store.append(
            readings.map { reading in
                .reading(
                    SensorReading(
                        sensor: sensor,
                        reading: Reading(
                            takenAt: start + .seconds(reading.minute * 60), humidityMpct: reading.mpct, flags: reading.flags, boot: 1,
                            boottimeMs: reading.minute * 60_000)))
            })
        return keys.last ?? 0
    }

    private func observe(_ store: ReadingStore, _ values: [(minute: Int64, percent: Double)], through key: Int64 = 0) async throws {
        let sensor = try #require(air)
        let outcomes = values.map { value in
            DerivedRow(
                sensor,
                Observation(
                    validAt: start + .seconds(value.minute * 60), humidity: RelativeHumidity(percent: value.percent), temperature: nil),
                through: key)
        }
        _ = try await store.append([], derived: outcomes)
    }

    @Test(.timeLimit(.minutes(1))) func `the last good value is shown beside an impossible one, after a restart and after thousands of them`()
        async throws
    {
        let folder = try StoreFolder()
        var store = try await store(folder)
        let key = try await append(store, [(0, 55_600, [])])
        let bad = (1...1_500).map { (minute: Int64($0), mpct: Int32?(250_000), flags: ReadingFlags.impossible) }
        try await append(store, bad)
        try await observe(store, [(10, 55.6)], through: key)
        for _ in 0..<2 {
            let status = try #require(try await SensorStatuses(store: store).all().first)
            #expect(status.condition.state == .failing && status.condition.since == start)
            #expect(status.last?.humidity.percent == 55.6 && status.last?.validAt == start)
            #expect(status.rejected?.humidityMpct == 250_000)
            store = try await ReadingStore(
                path: folder.store, host: HostIdentity(fingerprint: "a", bootID: "b"), log: Log("test", minimumLevel: .error))
        }
    }

    @Test(.timeLimit(.minutes(1))) func `a flat spell begins with the first observation of its value`() async throws {
        let store = try await store()
        try await observe(store, [(10, 70), (20, 99.9), (30, 99.8), (40, 99.9), (50, 99.9), (60, 99.9)])
        try await append(store, [(61, 99_900, [.flat])])
        let status = try #require(try await SensorStatuses(store: store).all().first)
        #expect(status.condition.state == .flat && status.condition.since == start + .seconds(30 * 60))
        let sensor = try #require(air)
        let spell = QualityTracking(last: 99_900, at: start + .seconds(61 * 60), flatSince: start + .seconds(30 * 60), isFlagged: true)
        #expect(try await store.unfinishedSpell(of: sensor) == spell)
    }

    @Test(.timeLimit(.minutes(1))) func `a stored condition survives a restart and becomes stale`() async throws {
        let store = try await store()
        let sensor = try #require(air)
        try await append(store, [(0, 45_000, [])])
        let failing = SensorCondition(.failing, since: start, detail: "the chip did not answer: try again")
        try await store.setCondition(failing, of: sensor)
        #expect(try await SensorStatuses(store: store).all().first?.condition == failing)
        try await store.setCondition(.ok, of: sensor)
        let status = try #require(try await SensorStatuses(store: store).all().first)
        #expect(status.condition == .ok)
        #expect(status.aged(at: start + .seconds(181), period: .seconds(60)).condition.state == .stale)
        #expect(status.aged(at: start + .seconds(180), period: .seconds(60)).condition.state == .ok)
        // Stored by an earlier version.
        #expect(SensorCondition(stored: "failing").state == .failing && SensorCondition(stored: "ok") == .ok)
    }

    @Test(.timeLimit(.minutes(1))) func `an uncommitted reading counts in the sensor's status`() async throws {
        let store = try await store()
        let sensor = try #require(air)
        try await append(store, [(0, 45_000, [])])
        let recent = NewestReadings()
        recent.add(Reading(takenAt: start + .seconds(600), humidityMpct: 47_000), of: sensor)
        recent.add(Reading(takenAt: start + .seconds(300), humidityMpct: 46_000), of: sensor)  // the clock was set back
        let status = try #require(try await SensorStatuses(store: store, recent: recent).all().first)
        #expect(status.last?.humidity.percent == 46)
        recent.failed(sensor, SensorCondition(.failing, since: start, detail: "gone"))
        #expect(try await SensorStatuses(store: store, recent: recent).all().first?.condition.detail == "gone")
        recent.recovered(sensor)
        #expect(try await SensorStatuses(store: store, recent: recent).all().first?.condition.state == .ok)
    }

    @Test func `the uplink's state keeps its start time and is read back unchanged`() {
        let status = UplinkStatus()
        #expect(status.set(.delivering, at: start).since == start)
        let refused = status.set(.refused, status: 401, detail: "the token is not known: who are you?", at: start + .seconds(10))
        #expect(status.set(.refused, status: 401, detail: "the token is not known: who are you?", at: start + .seconds(20)) == refused)
        #expect(UplinkState(stored: refused.stored) == refused)
        #expect(refused.condition.state == .refused && refused.condition.since == start + .seconds(10))
        #expect(status.set(.unreachable, at: start + .seconds(30)).condition.state == .ok)
        #expect(status.errors == [.refused: 2, .unreachable: 1])
        #expect(UplinkState(stored: "delivering") == nil)  // the format of earlier versions
    }
}

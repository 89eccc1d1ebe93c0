import Measures
import Testing

@Suite struct SensorStateTests {
    private let now = Instant(ms: 1_800_000_000_000)

    @Test func `a sensor is stale after three periods without a reading, unless it is failing`() {
        let minute: Duration = .seconds(60)
        func state(_ condition: SensorCondition, age: Duration) -> SensorState {
            condition.aged(newestAt: now - age, now: now, spacing: minute).state
        }
        #expect(state(.ok, age: .seconds(180)) == .ok)
        #expect(state(.ok, age: .seconds(181)) == .stale)
        #expect(state(SensorCondition(.flat), age: .seconds(181)) == .stale)
        #expect(state(SensorCondition(.failing), age: .seconds(10_000)) == .failing)
        #expect(SensorCondition.ok.aged(newestAt: nil, now: now, spacing: minute).state == .stale)
        let stale = SensorCondition.ok.aged(newestAt: now - .seconds(600), now: now, spacing: minute)
        #expect(stale.since == now - .seconds(600))
    }

    @Test func `a sensor with a period of one second is stale only after five seconds`() {
        #expect(SensorCondition.ok.aged(newestAt: now - .seconds(5), now: now, spacing: .seconds(1)).state == .ok)
        #expect(SensorCondition.ok.aged(newestAt: now - .seconds(6), now: now, spacing: .seconds(1)).state == .stale)
    }

    @Test func `states sort from ok to failing, and stale and failing sensors have no present value`() {
        #expect(SensorState.allCases.sorted().map(\.name) == ["ok", "saturated", "flat", "stale", "failing"])
        #expect(SensorState.allCases.filter(\.isPresent) == [.ok, .saturated, .flat])
        for state in SensorState.allCases { #expect(SensorState(name: state.name) == state) }
        let devices: [DeviceState] = [.refused, .silent, .duplicate, .clockUnset, .ok]
        #expect(devices.map { Severity.rank($0) } == devices.map { Severity.rank($0) }.sorted())
        #expect(Severity.rank(SensorState.failing) < Severity.rank(DeviceState.duplicate))
        #expect(Severity.rank(DeviceState.silent) < Severity.rank(SensorState.failing))
    }

    @Test func `a long detail is truncated at a whole character`() {
        let detail = SensorCondition(.failing, detail: String(repeating: "ü", count: 150)).detail
        #expect(detail?.utf8.count == SensorCondition.detailLimit)
    }
}

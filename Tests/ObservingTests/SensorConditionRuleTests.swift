import Measures
import Observing
import Testing

@Suite struct SensorConditionRuleTests {
    private let at = Instant(ms: 1_800_000_000_000)

    private static let newest: [(Int32?, ReadingFlags, SensorState)] = [
        (45_000, [], .ok), (45_000, .flat, .flat), (100_000, .saturated, .saturated),
        (100_000, [.saturated, .flat], .flat), (250_000, .impossible, .failing), (nil, [], .failing), (40_000, .heated, .failing),
        (45_000, .jumped, .ok), (45_000, .cached, .ok), (121_000, .clamped, .ok),
    ]

    @Test(arguments: SensorConditionRuleTests.newest)
    func `the newest reading determines the state`(mpct: Int32?, flags: ReadingFlags, state: SensorState) {
        let start = at - .seconds(90_000)
        let condition = SensorConditionRule.condition(newest: Reading(takenAt: at, humidityMpct: mpct, flags: flags), spellStart: start)
        #expect(condition.state == state)
        if state == .flat || state == .saturated { #expect(condition.since == start) }
        if state == .failing { #expect(condition.since == at && condition.detail != nil) }
    }

    @Test func `a reading taken while the sensor is heated gives no observation`() {
        var bin = Bin(validAt: at)
        bin.add(Reading(takenAt: at, humidityMpct: 40_000, flags: .heated))
        #expect(bin.observation == nil && bin.failed == 1)
    }

    @Test func `an equal reading within two seconds is a repeat, and a later or different one is not`() {
        var bursts = BurstFilter()
        func isRepeat(_ mpct: Int32, _ ms: Int64, celsius: Int32 = 20) -> Bool {
            bursts.isRepeat(Reading(takenAt: at + .milliseconds(ms), humidityMpct: mpct, temperatureMc: celsius * 1_000))
        }
        #expect(!isRepeat(45_000, 0))
        #expect(isRepeat(45_000, 300))
        #expect(isRepeat(45_000, 2_000))
        #expect(!isRepeat(45_000, 2_001))  // after the burst: a measurement of its own
        #expect(!isRepeat(45_100, 2_100))
        #expect(!isRepeat(45_100, 2_200, celsius: 21))
        #expect(isRepeat(45_100, 2_300, celsius: 21))
    }

    @Test func `a flat line continues over a restart`() {
        var fresh = QualityTracking(last: 99_900, at: at, flatSince: at - .seconds(4 * 3_600), isFlagged: false)
        #expect(!fresh.flags(of: 99_900, at: at + .seconds(60)).contains(.flat))  // the resolution is unknown, so the limit is 24 h
        var tracking = QualityTracking(last: 99_900, at: at, flatSince: at - .seconds(4 * 3_600), isFlagged: true)
        #expect(tracking.flags(of: 99_900, at: at + .seconds(60)).contains(.flat))
        #expect(!tracking.flags(of: 99_800, at: at + .seconds(120)).contains(.flat))
    }
}

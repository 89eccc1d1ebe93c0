@testable import EdgeDaemon
import EdgeStore
import Measures
import Testing

@Suite struct RollbackRuleTests {
    /// Sums of one lead time: each day's errors of the release, of the last good release and of persistence.
    private func sums(_ days: [(error: Double, rival: Double, persistence: Double)], count: Int64 = 144, sensor: Int64 = 1, lead: Int64 = 3_600)
        -> [ComparisonTable.DaySums]
    {
        days.enumerated().map { day, means in
            ComparisonTable.DaySums(
                day: Int64(day), rival: 1, sensor: sensor, leadTimeSeconds: lead, count: count, error: means.error * Double(count),
                rivalError: means.rival * Double(count), persistenceError: means.persistence * Double(count))
        }
    }
    private let twoDays: Duration = .seconds(48 * 3_600)

    @Test func `a release with a quarter more error than the last good one is given up after two days`() {
        let bad = sums([(1.3, 1, 2), (1.4, 1, 2)])
        #expect(RollbackRule.reason(bad, elapsed: twoDays)?.contains("1.35 times the error of the last good release") == true)
        #expect(RollbackRule.reason(bad, elapsed: twoDays - .seconds(1)) == nil)
    }

    @Test func `a release stays in use while fewer than 200 forecasts are scored`() {
        #expect(RollbackRule.reason(sums([(2, 1, 2), (2, 1, 2)], count: 99), elapsed: twoDays) == nil)
        #expect(RollbackRule.reason(sums([(2, 1, 2), (2, 1, 2)], count: 100), elapsed: twoDays) != nil)
    }

    @Test func `a tenth more error is acted on only if it is the same every day`() {
        let steady = sums(Array(repeating: (1.15, 1, 2), count: 7))
        #expect(RollbackRule.reason(steady, elapsed: .seconds(7 * 86_400))?.contains("lower bound 1.15") == true)
        let unsteady = sums([(2.2, 1, 2), (0.6, 1, 2), (0.7, 1, 2), (1.2, 1, 2), (0.8, 1, 2), (1.6, 1, 2), (0.95, 1, 2)])
        #expect(RollbackRule.reason(unsteady, elapsed: .seconds(7 * 86_400)) == nil)
    }

    @Test func `a release that is worse than persistence is given up, unless the last good one is as bad`() {
        #expect(RollbackRule.reason(sums([(2.6, 2.4, 2), (2.6, 2.4, 2)]), elapsed: twoDays)?.contains("1.30 times the error of persistence") == true)
        #expect(RollbackRule.reason(sums([(2.6, 2.7, 2), (2.6, 2.7, 2)]), elapsed: twoDays) == nil)
        // On some of the days the last good release is worse: it is not known to help.
        let calm: [(Double, Double, Double)] = [(1.3, 1.5, 1), (1.2, 1.0, 1), (1.3, 1.0, 1)]
        #expect(RollbackRule.reason(sums(calm), elapsed: .seconds(3 * 86_400)) == nil)
    }

    @Test func `errors below the resolution of a sensor do not count`() {
        let stuck = sums([(0.04, 0.01, 0.001), (0.04, 0.01, 0.001), (0.04, 0.01, 0.001)])
        #expect(RollbackRule.reason(stuck, elapsed: .seconds(3 * 86_400)) == nil)
        // A vault whose error has doubled counts as much as a roof whose error is a little smaller.
        let (roof, vault) = (sums([(4.6, 5, 5), (4.6, 5, 5)]), sums([(0.6, 0.3, 0.3), (0.6, 0.3, 0.3)], sensor: 2))
        #expect(RollbackRule.reason(roof + vault, elapsed: twoDays) != nil)
    }

    @Test func `sensors and lead times have the same weight, whatever the size of their errors`() {
        let (outdoor, vault) = (sums([(10, 10, 10), (10, 10, 10)]), sums([(0.6, 0.3, 0.3), (0.6, 0.3, 0.3)], sensor: 2))
        #expect(RollbackRule.reason(outdoor + vault, elapsed: twoDays)?.contains("1.50 times") == true)
        // A stuck sensor, whose humidity hardly changes, has almost no weight.
        let stuck = sums([(0.002, 0.001, 0.0001), (0.002, 0.001, 0.0001)], sensor: 3)
        #expect(RollbackRule.reason(outdoor + stuck, elapsed: twoDays) == nil)
    }
}

import Testing

@testable import Watch

@Suite struct ModelHealthTests {
    /// Days with the same sums.
    private func days(_ span: Range<Int64>, error: Double, targets: Double = 144, covered: Double = 0.8, wobble: Double = 0) -> [ModelHealth.Day] {
        span.map { day in
            ModelHealth.Day(
                day: day, targets: targets, error: targets * (error + ((day / 7) % 2 == 0 ? wobble : -wobble)), persistenceError: targets * 2,
                climatologyError: targets * 3, covered: targets * covered)
        }
    }

    @Test func `a model that forecasts as in its backtest is ok`() {
        let health = ModelHealth.judge(days(1_000..<1_030, error: 1), history: [], backtest: 0.5)
        #expect(health.state == .ok && health.targets == 28 * 144 && health.expected == nil)
        #expect(((health.coverage ?? 0) - 0.8).magnitude < 1e-9)
        #expect(((health.skill ?? 0) - 2.0 / 3).magnitude < 1e-9)
    }

    @Test func `without an earlier year the ratio to persistence is compared with the backtest, on three days in a row`() {
        #expect(ModelHealth.judge(days(1_000..<1_030, error: 1.3), history: [], backtest: 0.5).state == .decayed)
        #expect(ModelHealth.judge(days(1_000..<1_030, error: 1.3), history: [], backtest: nil).state == .ok)
        // The window of 28 days is worse by a quarter only since its newest day.
        let sudden = days(1_000..<1_029, error: 1.22) + days(1_029..<1_030, error: 3.5)
        #expect(ModelHealth.judge(sudden, history: [], backtest: 0.5).state == .ok)
        #expect(ModelHealth.judge(days(1_000..<1_031, error: 1.22) + days(1_031..<1_034, error: 3.5), history: [], backtest: 0.5).state == .decayed)
    }

    @Test func `with an earlier year the skill is compared with the same season, whose skill may be low`() {
        let summer = days(1_000 - 365 - 40..<1_000 - 365 + 40, error: 2, wobble: 0.1)
        let winter = days(1_000 - 190..<1_000 - 150, error: 0.5)
        let now = days(1_000..<1_030, error: 2)
        #expect(ModelHealth.judge(now, history: winter + summer, backtest: 0.5).state == .ok, "as in the last summer")
        #expect(ModelHealth.judge(days(1_000..<1_030, error: 2.5), history: winter + summer, backtest: 0.5).state == .decayed)
        let expected = ModelHealth.judge(now, history: winter + summer, backtest: nil).expected
        #expect(expected.map { ($0 - 1.0 / 3).magnitude < 0.02 } == true)
        #expect(ModelHealth.judge(now, history: winter, backtest: nil).expected == nil, "another season says nothing")
    }

    @Test(arguments: [(0.6, ModelHealth.State.miscalibrated), (0.71, .miscalibrated), (0.73, .ok), (0.87, .ok), (0.95, .miscalibrated)])
    func `a model is miscalibrated if its 80 % interval contains less than 72 % or more than 88 % of the targets`(
        covered: Double, state: ModelHealth.State
    ) {
        #expect(ModelHealth.judge(days(1_000..<1_030, error: 1, covered: covered), history: [], backtest: 0.5).state == state)
    }

    @Test func `few targets decide nothing`() {
        let few = days(1_000..<1_030, error: 3, targets: 35, covered: 0.1)
        #expect(ModelHealth.judge(few, history: [], backtest: 0.5).state == .unknown)
        #expect(ModelHealth.judge([], history: [], backtest: 0.5) == ModelHealth())
    }
}

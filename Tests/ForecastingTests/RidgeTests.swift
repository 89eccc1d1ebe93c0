import Forecasting
import Measures
import Observing
import Testing

@Suite struct NormalEquationsTests {
    private let rows: [(inputs: [Double], target: Double)] = (0..<50).map { i in
        let (a, b) = (Double(i % 7) - 3, Double(i * i % 11) - 5)
        return ([a, b, 1], 2 * a - 0.5 * b + 4)
    }

    private func equations(_ rows: some Sequence<(inputs: [Double], target: Double)>) -> NormalEquations {
        var equations = NormalEquations(width: 3)
        for row in rows { equations.add(row.inputs, target: row.target) }
        return equations
    }

    @Test func `exact rows are fitted exactly`() throws {
        let weights = try #require(equations(rows).weights(penalty: 0))
        for (weight, expected) in zip(weights, [2, -0.5, 4]) { #expect(abs(weight - expected) < 1e-6) }
        #expect(equations(rows).meanSquaredError(weights) < 1e-9)
    }

    @Test func `the sum of two parts fits as the whole does`() throws {
        var sum = equations(rows.prefix(20))
        sum += equations(rows.dropFirst(20))
        let (parts, whole) = (try #require(sum.weights(penalty: 0.1)), try #require(equations(rows).weights(penalty: 0.1)))
        for (a, b) in zip(parts, whole) { #expect(abs(a - b) < 1e-12) }
    }

    @Test func `a penalty pulls the weights to zero`() throws {
        let weights = try #require(equations(rows).weights(penalty: 1e6))
        #expect(weights.allSatisfy { abs($0) < 1e-3 })
    }

    @Test func `no rows give no weights`() { #expect(NormalEquations(width: 3).weights(penalty: 1) == nil) }
}

@Suite struct ErrorHistogramTests {
    @Test func `quantiles of known errors`() throws {
        var histogram = ErrorHistogram()
        for i in 0..<1_000 { histogram.add(Double(i) / 1_000 * 4 - 2) }
        let quantiles = try #require(histogram.quantiles([0.1, 0.5, 0.9]))
        for (quantile, expected) in zip(quantiles, [-1.6, 0, 1.6]) { #expect(abs(quantile - expected) < 0.01) }
    }

    @Test func `too few errors give no table, far ones are cut`() {
        var histogram = ErrorHistogram()
        for _ in 0..<19 { histogram.add(1e9) }
        #expect(histogram.quantiles([0.5]) == nil)
        histogram.add(.nan)
        #expect(histogram.total == 19)
        histogram.add(-1e9)
        #expect(histogram.quantiles([0.5])?.first ?? 0 > 7.9)
    }
}

@Suite struct RidgeTrainingTests {
    private func trained(_ days: Int) throws -> (model: ForecastModel, series: [GriddedSeries])? {
        let all = try (1...3).map { seed in
            try #require(GriddedSeries(name: "s\(seed)", grid: .hourly, observations: series(days: days, seed: UInt64(seed))))
        }
        var training = RidgeTraining(grid: .hourly)
        for one in all { training.fit(one) }
        guard training.solve() else { return nil }
        for one in all { training.calibrate(one) }
        return training.model().map { (ForecastModel(steps: [$0]), all) }
    }

    @Test func `a model learnt from the fleet beats the damped anomaly on what it has not seen`() throws {
        let (model, all) = try #require(try trained(120))
        var comparison = Comparison()
        for one in all { comparison.add(one, candidate: model, champion: nil) }
        #expect(comparison.verdict == .pass)
        #expect(try #require(comparison.ratio) < 0.98)
        let day = comparison.leadTimes.firstIndex(of: .seconds(6 * 3_600)) ?? 0
        #expect((0.65...0.95).contains(try #require(comparison.candidate[day].coverage)))
    }

    @Test func `the same data give the same model to the last bit`() throws {
        #expect(try trained(60)?.model == trained(60)?.model)
    }

    @Test func `a few days are too little`() throws { #expect(try trained(6) == nil) }

    @Test func `a model against itself is inconclusive`() throws {
        let (model, all) = try #require(try trained(60))
        var comparison = Comparison()
        for one in all { comparison.add(one, candidate: model, champion: model) }
        #expect(comparison.verdict == .inconclusive)
        #expect(abs(try #require(comparison.ratio) - 1) < 1e-12)
    }

    @Test func `ten-minute series are learnt from by the hour as well`() throws {
        let fine = (0..<600).map { observation(Double($0 + 1) / 6, Double($0 % 6)) }
        let hourly = try #require(GriddedSeries(name: "x", grid: .fine, observations: fine)?.hourly())
        #expect(hourly.bins == 100)
        #expect(hourly.humidity(bin: 3) == 2.5)
    }
}

@Suite struct ScoreTests {
    @Test func `errors, loss and coverage of one forecast by hand`() {
        let forecast = QuantileForecast(
            origin: Instant(ms: 0), leadTimes: [.seconds(3_600)], humidity: [40, 42, 46, 50, 54, 58, 60], temperature: nil, climatology: [45],
            now: RelativeHumidity(percent: 47), method: .ridge)
        var score = Score()
        score.add(forecast, lead: 0, actual: 52)
        #expect(score.meanAbsoluteError == 2)
        #expect(score.meanPersistenceError == 5)
        #expect(score.meanClimatologyError == 7)
        #expect(score.coverage == 1)
        // (.05·12 + .1·10 + .25·6 + .5·2 + .25·2 + .1·6 + .05·8) / 7
        #expect(abs((score.meanPinball ?? 0) - 5.6 / 7) < 1e-12)
        score.add(forecast, lead: 0, actual: 59)
        #expect(score.coverage == 0.5)
    }
}

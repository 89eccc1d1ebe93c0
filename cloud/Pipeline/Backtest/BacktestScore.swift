internal import Forecasting
internal import Measures

/// The scores of one series at one lead time: sums of a forecaster's errors, and of the naive forecasts' errors on the same targets.
package struct BacktestScore: Sendable {
    package private(set) var count = 0
    private var error = 0.0, persistence = 0.0, seasonalNaive = 0.0, climatology = 0.0  // absolute, in %RH
    private var weightedInterval = 0.0
    private var covered = 0
    private var atOrBelow = [Int](repeating: 0, count: ForecastShape.levels.count)

    /// - Parameters:
    ///   - lead: an index into the forecast's lead times.
    ///   - seasonalNaive: the humidity observed at the target's time of day, on the last day that is not after the origin.
    mutating func add(_ forecast: QuantileForecast, lead: Int, seasonalNaive: Double, actual: Double) {
        count += 1
        error += (forecast.median(lead: lead) - actual).magnitude
        persistence += (forecast.now.percent - actual).magnitude
        self.seasonalNaive += (seasonalNaive - actual).magnitude
        climatology += (forecast.climatology[lead] - actual).magnitude
        weightedInterval += BacktestScore.weightedInterval(forecast, lead: lead, actual: actual)
        let (low, high) = BacktestScore.interval(forecast, lead: lead)
        if low <= actual, actual <= high { covered += 1 }
        for level in atOrBelow.indices where actual <= forecast.humidity(lead: lead, level: level) { atOrBelow[level] += 1 }
    }

    private static func interval(_ forecast: QuantileForecast, lead: Int) -> (low: Double, high: Double) {
        (forecast.humidity(lead: lead, level: ForecastShape.lowLevel), forecast.humidity(lead: lead, level: ForecastShape.highLevel))
    }

    /// The weighted interval score of the median and the 80 % interval, in %RH: (½ |error| + 0.1 · interval score) / 1½.
    /// Source: Bracher, Ray, Gneiting and Reich, PLOS Comput. Biol. 17 (2021), e1008618.
    static func weightedInterval(_ forecast: QuantileForecast, lead: Int, actual: Double) -> Double {
        let (low, high) = interval(forecast, lead: lead)
        let score = (high - low) + 10 * max(0, low - actual) + 10 * max(0, actual - high)
        return (0.5 * (forecast.median(lead: lead) - actual).magnitude + 0.1 * score) / 1.5
    }

    /// Mean absolute error in %RH. All properties below are `nil` without targets.
    package var meanError: Double? { mean(error) }
    package var meanWeightedInterval: Double? { mean(weightedInterval) }
    /// Mean absolute error divided by the smaller error of persistence and seasonal naive; `nil` if that error is at most 0.0001 %RH.
    package var ratio: Double? { ratio(error, min(persistence, seasonalNaive)) }
    /// 1 − (mean absolute error / mean absolute error of climatology). Likewise for persistence and seasonal naive.
    package var skillOverClimatology: Double? { ratio(error, climatology).map { 1 - $0 } }
    package var skillOverPersistence: Double? { ratio(error, persistence).map { 1 - $0 } }
    package var skillOverSeasonalNaive: Double? { ratio(error, seasonalNaive).map { 1 - $0 } }
    /// Share of the targets within the 80 % interval.
    package var coverage: Double? { mean(Double(covered)) }
    /// Share of the targets at or below each level's quantile.
    package var reliability: [Double]? { count > 0 ? atOrBelow.map { Double($0) / Double(count) } : nil }

    private func mean(_ sum: Double) -> Double? { count > 0 ? sum / Double(count) : nil }
    private func ratio(_ a: Double, _ b: Double) -> Double? { b > 1e-4 * Double(count) ? a / b : nil }
}

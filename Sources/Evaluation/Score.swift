internal import Forecasting

/// Sums of the losses of many forecasts, and the scores that follow from the sums.
package struct Score: Sendable, Hashable {
    package var count: Int64 = 0
    package var absoluteError: Double = 0  // sums, in %RH
    package var persistenceError: Double = 0
    package var climatologyError: Double = 0
    package var pinball: Double = 0
    package var covered: Int64 = 0  // targets within the 80 % interval
    private var seasonalNaiveError: Double = 0
    private var weightedInterval: Double = 0
    private var levelsReached = SIMD8<Int64>.zero

    package init() {}

    /// Restores stored sums; the sums that are not stored are 0.
    package init(count: Int64, absoluteError: Double, persistenceError: Double, climatologyError: Double, covered: Int64) {
        (self.count, self.covered) = (count, covered)
        (self.absoluteError, self.persistenceError, self.climatologyError) = (absoluteError, persistenceError, climatologyError)
    }

    package mutating func add(_ loss: ForecastLoss) {
        count += 1
        absoluteError += loss.absoluteError
        persistenceError += loss.persistenceError
        climatologyError += loss.climatologyError
        seasonalNaiveError += loss.seasonalNaiveError ?? 0
        pinball += loss.pinball
        weightedInterval += loss.weightedInterval
        if loss.isCovered { covered += 1 }
        levelsReached &+= loss.levelsReached
    }

    package static func += (a: inout Score, b: Score) {
        a.count += b.count
        a.absoluteError += b.absoluteError
        a.persistenceError += b.persistenceError
        a.climatologyError += b.climatologyError
        a.seasonalNaiveError += b.seasonalNaiveError
        a.pinball += b.pinball
        a.weightedInterval += b.weightedInterval
        a.covered += b.covered
        a.levelsReached &+= b.levelsReached
    }

    // MARK: means, in %RH; all properties below are `nil` without targets

    package var meanAbsoluteError: Double? { mean(absoluteError) }
    package var meanPersistenceError: Double? { mean(persistenceError) }
    package var meanClimatologyError: Double? { mean(climatologyError) }
    package var meanPinball: Double? { mean(pinball) }
    package var meanWeightedInterval: Double? { mean(weightedInterval) }
    /// Share of the targets within the 80 % interval.
    package var coverage: Double? { mean(Double(covered)) }
    /// Share of the targets at or below each level's quantile, by level.
    package var reliability: [Double]? {
        count > 0 ? ForecastShape.levels.indices.map { Double(levelsReached[$0]) / Double(count) } : nil
    }

    // MARK: comparisons with naive forecasts; also `nil` if the naive error is at most 0.0001 %RH

    /// Mean absolute error divided by the smaller error of persistence and seasonal naive.
    package var relativeError: Double? { ratio(absoluteError, min(persistenceError, seasonalNaiveError)) }
    /// 1 − (mean absolute error / mean absolute error of climatology). Likewise for persistence and seasonal naive.
    package var skillOverClimatology: Double? { ratio(absoluteError, climatologyError).map { 1 - $0 } }
    package var skillOverPersistence: Double? { ratio(absoluteError, persistenceError).map { 1 - $0 } }
    package var skillOverSeasonalNaive: Double? { ratio(absoluteError, seasonalNaiveError).map { 1 - $0 } }

    private func mean(_ sum: Double) -> Double? { count > 0 ? sum / Double(count) : nil }
    private func ratio(_ a: Double, _ b: Double) -> Double? { b > 1e-4 * Double(count) ? a / b : nil }
}

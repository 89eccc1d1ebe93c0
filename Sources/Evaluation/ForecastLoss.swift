package import Forecasting
internal import Measures

/// The losses of one forecast at one lead time, and the errors of naive forecasts of the same target. All in %RH.
package struct ForecastLoss: Sendable, Hashable {
    package let absoluteError: Double  // of the median
    package let persistenceError: Double
    package let climatologyError: Double
    package let seasonalNaiveError: Double?
    package let pinball: Double  // mean over the levels
    package let weightedInterval: Double
    package let isCovered: Bool  // the target is within the 80 % interval
    package let levelsReached: SIMD8<Int64>  // 1 for each level whose quantile is at or above the target, else 0

    /// - Parameters:
    ///   - lead: an index into the forecast's lead times.
    ///   - actual: the humidity observed at the target time, in %RH.
    ///   - seasonalNaive: the humidity observed at the target's time of day, on the last day that is not after the origin.
    package init(of forecast: QuantileForecast, lead: Int, actual: Double, seasonalNaive: Double? = nil) {
        absoluteError = (forecast.median(lead: lead) - actual).magnitude
        persistenceError = (forecast.now.percent - actual).magnitude
        climatologyError = (forecast.climatology[lead] - actual).magnitude
        seasonalNaiveError = seasonalNaive.map { ($0 - actual).magnitude }
        var (loss, reached) = (0.0, SIMD8<Int64>.zero)
        for (index, level) in ForecastShape.levels.enumerated() {
            let quantile = forecast.humidity(lead: lead, level: index)
            let error = actual - quantile
            loss += error >= 0 ? level * error : (level - 1) * error
            if actual <= quantile { reached[index] = 1 }
        }
        pinball = loss / Double(ForecastShape.levels.count)
        levelsReached = reached
        let low = forecast.humidity(lead: lead, level: ForecastShape.lowLevel)
        let high = forecast.humidity(lead: lead, level: ForecastShape.highLevel)
        isCovered = low <= actual && actual <= high
        weightedInterval = Self.weightedInterval(absoluteError: absoluteError, low: low, high: high, actual: actual)
    }

    /// The weighted interval score of the median and the 80 % interval: (½ |error| + 0.1 · interval score) / 1½.
    /// Source: Bracher, Ray, Gneiting and Reich, PLOS Comput. Biol. 17 (2021), e1008618.
    private static func weightedInterval(absoluteError: Double, low: Double, high: Double, actual: Double) -> Double {
        let score = (high - low) + 10 * max(0, low - actual) + 10 * max(0, actual - high)
        return (0.5 * absoluteError + 0.1 * score) / 1.5
    }
}

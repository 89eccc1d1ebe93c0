internal import Measures

/// Sums of one forecaster's errors at one lead time, and the errors of persistence and climatology on the same targets.
package struct Score: Sendable, Hashable {
    package var count: Int64 = 0
    package var absoluteError: Double = 0  // sums, in %RH
    package var persistenceError: Double = 0
    package var climatologyError: Double = 0
    package var pinball: Double = 0  // mean over the levels
    package var covered: Int64 = 0  // targets within the 80 % interval

    package init() {}

    /// - Parameter lead: an index into the forecast's lead times.
    package mutating func add(_ forecast: QuantileForecast, lead: Int, actual: Double) {
        count += 1
        absoluteError += (forecast.median(lead: lead) - actual).magnitude
        persistenceError += (forecast.now.percent - actual).magnitude
        climatologyError += (forecast.climatology[lead] - actual).magnitude
        var loss = 0.0
        for (index, level) in ForecastShape.levels.enumerated() {
            let error = actual - forecast.humidity(lead: lead, level: index)
            loss += error >= 0 ? level * error : (level - 1) * error
        }
        pinball += loss / Double(ForecastShape.levels.count)
        let low = forecast.humidity(lead: lead, level: ForecastShape.lowLevel)
        let high = forecast.humidity(lead: lead, level: ForecastShape.highLevel)
        if low <= actual, actual <= high { covered += 1 }
    }

    package static func += (a: inout Score, b: Score) {
        a.count += b.count
        a.absoluteError += b.absoluteError
        a.persistenceError += b.persistenceError
        a.climatologyError += b.climatologyError
        a.pinball += b.pinball
        a.covered += b.covered
    }

    /// Mean absolute error in %RH; `nil` without targets. The properties below are also `nil` without targets.
    package var meanAbsoluteError: Double? { mean(absoluteError) }
    package var meanPersistenceError: Double? { mean(persistenceError) }
    package var meanClimatologyError: Double? { mean(climatologyError) }
    package var meanPinball: Double? { mean(pinball) }
    package var coverage: Double? { mean(Double(covered)) }
    private func mean(_ sum: Double) -> Double? { count > 0 ? sum / Double(count) : nil }
}

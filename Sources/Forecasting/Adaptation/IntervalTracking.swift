/// Corrects the spread of the quantiles at one lead time from the errors of past forecasts.
///
/// Each level has a factor on its distance from the median. Each arrived target moves the factors, so that in the long run the share of targets
/// below a quantile equals its level (online quantile tracking with delayed feedback: Gibbs and Candès, NeurIPS 2021; here on the distance
/// instead of the level). A second factor for each side of the median depends on the hour of day: in a room where the sun shines through a
/// window, forecasts for noon are less certain than forecasts for night.
package struct IntervalTracking: Sendable {
    package private(set) var factors: SIMD8<Float>  // one factor per level, in the first levels.count lanes
    private var hours = [Float](repeating: 1, count: 2 * 24)  // below the median, then above it, by the target's hour (UTC)
    private let rate: Float
    private let hourRate: Float

    /// Indices of the levels that determine the factors of an hour.
    private static let (low, high) = (1, 5)
    /// How fast an hour's factor returns to 1, relative to `hourRate`.
    private static let hourRecovery: Float = 0.1

    /// - Parameters:
    ///   - rowsPerDay: calls of `learn` per day.
    ///   - overlap: consecutive rows whose forecast spans overlap; together these count as one independent row.
    ///   - start: the initial factors; from the release, where they were learnt on other series.
    package init(rowsPerDay: Int, overlap: Int, start: [Float] = Array(repeating: 1, count: ForecastShape.levels.count)) {
        factors = SIMD8(repeating: 1)
        for level in start.indices { factors[level] = start[level] }
        rate = min(0.02 * 24 / Float(rowsPerDay), 0.1 / Float(overlap))
        hourRate = 0.04 * 24 / Float(rowsPerDay)
    }

    /// The factors on the levels' distances from the median, for a target in this hour of day (UTC).
    package func factors(hour: Int) -> SIMD8<Float> {
        let (below, above) = (hours[hour], hours[24 + hour])
        return factors * SIMD8(below, below, below, 1, above, above, above, 1)
    }

    /// - Parameters:
    ///   - error: observed value minus the median, in deviations.
    ///   - hour: the target's hour of day (UTC), 0 to 23.
    ///   - distances: the distances of the levels from the median, without the factors.
    package mutating func learn(error: Float, hour: Int, distances: SIMD8<Float>) {
        let bounds = distances * factors(hour: hour)
        for level in ForecastShape.levels.indices where level != ForecastShape.medianLevel {
            let share = Float(ForecastShape.levels[level])
            let bound = bounds[level]
            let outside: Float = level > ForecastShape.medianLevel ? (error > bound ? share : share - 1) : (error < bound ? 1 - share : -share)
            factors[level] = max(0.1, min(10, factors[level] * (1 + rate * outside)))
        }
        let tail = Float(ForecastShape.levels[IntervalTracking.low])
        updateHourFactor(hour, isOutside: error < bounds[IntervalTracking.low], tail)
        updateHourFactor(24 + hour, isOutside: error > bounds[IntervalTracking.high], tail)
    }

    private mutating func updateHourFactor(_ index: Int, isOutside: Bool, _ tail: Float) {
        let factor = hours[index]
        let moved = factor * (1 + hourRate * (isOutside ? 1 - tail : -tail)) - hourRate * IntervalTracking.hourRecovery * (factor - 1)
        hours[index] = max(0.4, min(2.5, moved))
    }

    var stateBytes: Int { MemoryLayout<SIMD8<Float>>.size + hours.count * MemoryLayout<Float>.size }
}

/// Keeps the quantiles of one lead time honest: a factor on each one's distance from the median, moved by every target that
/// comes so that in the long run the right share falls below it (online quantile tracking with delayed feedback: Gibbs and
/// Candès, NeurIPS 2021, on the distance instead of the level). A second factor for either side is the hour of day's own: where
/// the sun comes through a window, noon is less sure than night.
package struct IntervalTracking: Sendable {
    package private(set) var factors: SIMD8<Float>  // the first levels.count lanes
    private var hours = [Float](repeating: 1, count: 2 * 24)  // below the median, then above it, by the target's hour (UTC)
    private let rate: Float
    private let hourRate: Float

    /// The levels that an hour's factors are tracked at.
    private static let (low, high) = (1, 5)
    /// What an hour's factor forgets of its distance from one while it is moved by 1.
    private static let fading: Float = 0.1

    /// - Parameters:
    ///   - rowsPerDay: how often it is told.
    ///   - overlap: rows whose spans overlap, which say one thing between them.
    ///   - start: what the release says of other air.
    package init(rowsPerDay: Int, overlap: Int, start: [Float] = Array(repeating: 1, count: ForecastShape.levels.count)) {
        factors = SIMD8(repeating: 1)
        for level in start.indices { factors[level] = start[level] }
        rate = min(0.02 * 24 / Float(rowsPerDay), 0.1 / Float(overlap))
        hourRate = 0.04 * 24 / Float(rowsPerDay)
    }

    /// What the levels' distances from the median are multiplied by, for a target in this hour of day.
    package func factors(hour: Int) -> SIMD8<Float> {
        let (below, above) = (hours[hour], hours[24 + hour])
        return factors * SIMD8(below, below, below, 1, above, above, above, 1)
    }

    /// - Parameters:
    ///   - error: what came minus the median, in deviations.
    ///   - hour: of the target, 0 to 23.
    ///   - distances: of the levels from the median, without their factors.
    package mutating func settle(error: Float, hour: Int, distances: SIMD8<Float>) {
        let bounds = distances * factors(hour: hour)
        for level in ForecastShape.levels.indices where level != ForecastShape.medianLevel {
            let share = Float(ForecastShape.levels[level])
            let bound = bounds[level]
            let outside: Float = level > ForecastShape.medianLevel ? (error > bound ? share : share - 1) : (error < bound ? 1 - share : -share)
            factors[level] = max(0.1, min(10, factors[level] * (1 + rate * outside)))
        }
        let tail = Float(ForecastShape.levels[IntervalTracking.low])
        nudge(hour, isOutside: error < bounds[IntervalTracking.low], tail)
        nudge(24 + hour, isOutside: error > bounds[IntervalTracking.high], tail)
    }

    private mutating func nudge(_ place: Int, isOutside: Bool, _ tail: Float) {
        let factor = hours[place]
        let moved = factor * (1 + hourRate * (isOutside ? 1 - tail : -tail)) - hourRate * IntervalTracking.fading * (factor - 1)
        hours[place] = max(0.4, min(2.5, moved))
    }

    var stateBytes: Int { MemoryLayout<SIMD8<Float>>.size + hours.count * MemoryLayout<Float>.size }
}

/// Keeps the quantiles of one lead time honest: a factor on each one's distance from the median, moved by every target that
/// comes so that in the long run the right share falls below it (online quantile tracking with delayed feedback: Gibbs and
/// Candès, NeurIPS 2021, on the distance instead of the level).
package struct IntervalTracking: Sendable {
    package private(set) var factors: SIMD8<Float>  // the first levels.count lanes
    private let rate: Float

    /// - Parameters:
    ///   - rowsPerDay: how often it is told.
    ///   - overlap: rows whose spans overlap, which say one thing between them.
    ///   - start: what the release says of other air.
    package init(rowsPerDay: Int, overlap: Int, start: [Float] = Array(repeating: 1, count: ForecastShape.levels.count)) {
        factors = SIMD8(repeating: 1)
        for level in start.indices { factors[level] = start[level] }
        rate = min(0.02 * 24 / Float(rowsPerDay), 0.1 / Float(overlap))
    }

    /// - Parameters:
    ///   - error: what came minus the median, in deviations.
    ///   - distance: of a level from the median, without its factor.
    package mutating func settle(error: Float, distance: (_ level: Int) -> Float) {
        for level in ForecastShape.levels.indices where level != ForecastShape.medianLevel {
            let share = Float(ForecastShape.levels[level])
            let bound = distance(level) * factors[level]
            let outside: Float = level > ForecastShape.medianLevel ? (error > bound ? share : share - 1) : (error < bound ? 1 - share : -share)
            factors[level] = max(0.1, min(10, factors[level] * (1 + rate * outside)))
        }
    }
}

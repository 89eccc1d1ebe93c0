/// Collects errors in constant memory and gives their quantiles: the conformal table of one lead time.
///
/// Errors are in deviations, cut at ±8; a quantile is exact to half a bin, 0.002.
package struct ErrorHistogram: Sendable {
    private static let reach = 8.0
    private static let binsPerUnit = 256.0
    private var counts = [UInt32](repeating: 0, count: Int(2 * reach * binsPerUnit))
    package private(set) var total = 0

    package init() {}

    package mutating func add(_ error: Double) {
        guard error == error else { return }
        let place = (max(-Self.reach, min(Self.reach, error)) + Self.reach) * Self.binsPerUnit
        counts[min(counts.count - 1, Int(place))] += 1
        total += 1
    }

    /// The quantiles at levels that increase, in one pass. Split conformal: of n errors the ⌈(n + 1)·level⌉-th.
    /// - Returns: `nil` with fewer than 20 errors, which say nothing of a 5 % tail.
    package func quantiles(_ levels: [Double]) -> [Double]? {
        guard total >= 20 else { return nil }
        var quantiles: [Double] = []
        var bin = 0
        var below = 0  // errors in bins before `bin`
        for level in levels {
            let rank = min(Double(total), (Double(total) + 1) * level)
            while bin < counts.count - 1, Double(below + Int(counts[bin])) < rank {
                below += Int(counts[bin])
                bin += 1
            }
            let inside = counts[bin] > 0 ? max(0, min(1, (rank - Double(below)) / Double(counts[bin]))) : 0
            quantiles.append((Double(bin) + inside) / Self.binsPerUnit - Self.reach)
        }
        return quantiles
    }

    /// The quantiles at the standard levels, leaning on the built-in table while there are few errors.
    ///
    /// Errors of forecasts whose spans overlap are alike, so n errors at a lead time of k bins count as n / k; the built-in
    /// table counts as 30. `nil` with fewer than 20 errors.
    package func calibrated(leadTime: Duration, leadBins: Int) -> [Double]? {
        guard let own = quantiles(ForecastShape.levels) else { return nil }
        let effective = Double(total) / Double(leadBins)
        let share = effective / (effective + 30)
        return zip(own, DampedAnomaly.weights(for: leadTime).quantiles).map { share * $0 + (1 - share) * $1 }
    }
}

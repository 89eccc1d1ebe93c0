package import Measures

/// The probability that a forecast value lies beyond a threshold, from the forecast's quantiles.
package struct Exceedance: Sendable, Hashable {
    /// The probability, 0 to 1, interpolated linearly between the two quantiles around the threshold. If the threshold lies outside all
    /// quantiles, `probability` comes from the level of the outermost quantile, and `bound` says whether the true probability is at least or at
    /// most `probability`.
    package let probability: Double
    package let bound: Bound

    package enum Bound: Sendable { case exact, atLeast, atMost }

    /// - Parameters:
    ///   - values: quantiles in %; none is below the one before it.
    ///   - levels: their levels, strictly increasing, in (0, 1); as many as `values`, at least one.
    package init(of threshold: HumidityThreshold, values: some RandomAccessCollection<Double>, levels: [Double]) {
        let values = Array(values)
        let below = Exceedance.distribution(threshold.percent, values, levels, isStrict: !threshold.isAbove)
        guard threshold.isAbove else {
            (probability, bound) = below
            return
        }
        probability = 1 - below.probability
        bound =
            switch below.bound {
            case .exact: .exact
            case .atLeast: .atMost
            case .atMost: .atLeast
            }
    }

    /// The probability of a value below `percent` (`isStrict`) or at most `percent`. If quantiles coincide, the lower probability applies.
    private static func distribution(_ percent: Double, _ values: [Double], _ levels: [Double], isStrict: Bool) -> (probability: Double, bound: Bound)
    {
        let last = values.count - 1
        func isUnder(_ value: Double) -> Bool { isStrict ? value < percent : value <= percent }
        guard isUnder(values[0]) else { return (levels[0], .atMost) }
        guard let above = values.indices.first(where: { !isUnder(values[$0]) }) else { return (levels[last], .atLeast) }
        let (low, high) = (values[above - 1], values[above])
        guard high > low else { return (levels[above - 1], .exact) }
        let share = (percent - low) / (high - low)
        return (levels[above - 1] + share * (levels[above] - levels[above - 1]), .exact)
    }
}

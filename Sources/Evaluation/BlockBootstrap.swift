internal import Randomness

/// The uncertainty of a statistic of many targets, by resampling calendar blocks with replacement. All series share the blocks: the errors of
/// sensors in the same weather are correlated, so more sensors do not narrow the bounds; more blocks do.
///
/// Source: Künsch, Ann. Statist. 17 (1989), 1217–1241, with blocks that do not overlap (Carlstein, Ann. Statist. 14 (1986), 1171–1179).
struct BlockBootstrap {
    static let resamples = 2_000

    private let blocks: Int
    private let seed: UInt64

    init(blocks: Int, seed: UInt64 = 1) {
        self.blocks = blocks
        self.seed = seed
    }

    /// - Parameter statistic: computed from how often each block counts; `nil` if the drawn blocks have no target.
    /// - Returns: two one-sided 95 % bounds of the statistic; `nil` with fewer than two blocks.
    func bounds(_ statistic: (_ draws: [Int]) -> Double?) -> (low: Double, high: Double)? {
        guard blocks > 1, let estimate = statistic([Int](repeating: 1, count: blocks)) else { return nil }
        var random = RandomNumbers(6, seed)
        var values: [Double] = []
        values.reserveCapacity(BlockBootstrap.resamples)
        for _ in 0..<BlockBootstrap.resamples {
            var draws = [Int](repeating: 0, count: blocks)
            for _ in 0..<blocks { draws[random.index(below: blocks)] += 1 }
            if let value = statistic(draws) { values.append(value) }
        }
        guard !values.isEmpty else { return nil }
        values.sort()
        let (low, high) = (values[values.count * 5 / 100], values[min(values.count - 1, values.count * 95 / 100)])
        return (estimate - widening * (estimate - low), estimate + widening * (high - estimate))
    }

    /// The quantiles of a resampling are too narrow with few blocks: they ignore that the variance is estimated. The factor is √(n / (n − 1)) times the
    /// ratio of the 95 % quantiles of Student's t with n − 1 degrees of freedom and of the normal distribution.
    ///
    /// Source: Hesterberg, Am. Stat. 69 (2015), 371–386, section 3.2.
    private var widening: Double {
        let n = Double(blocks)
        let t = StudentQuantile.value(.ninetyFive, freedom: blocks - 1)
        return (n / (n - 1)).squareRoot() * t / StudentQuantile.Confidence.ninetyFive.rawValue
    }
}

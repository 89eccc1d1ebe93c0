/// The ratio of two errors of the same targets, with one-sided 90 % bounds, from sums by block.
///
/// A block is a day: the errors of one day are correlated, so each day counts once, however many targets it has. The bounds are those of a ratio
/// estimator with Student's t.
///
/// Source: Cochran, Sampling Techniques, 3rd ed. (1977), section 6.4.
package struct ErrorRatio: Sendable, Equatable {
    package struct Block: Sendable, Equatable {
        package var targets: Int64
        package var error: Double
        package var reference: Double

        package init(targets: Int64 = 0, error: Double = 0, reference: Double = 0) {
            (self.targets, self.error, self.reference) = (targets, error, reference)
        }

        package static func += (a: inout Block, b: Block) {
            a.targets += b.targets
            a.error += b.error
            a.reference += b.reference
        }
    }

    private static let largeRatio = 1.25  // acted on as it is
    private static let smallRatio = 1.10  // acted on if the lower bound is above 1
    private static let minimumTargets: Int64 = 200

    package let targets: Int64
    package let blocks: Int
    package let ratio: Double  // error / reference: above 1 if the error is larger
    package let low: Double  // one-sided bound: the true ratio is above `low` with a probability of 90 %
    package let high: Double

    /// Whether there are enough targets to act on the ratio.
    package var isConclusive: Bool { targets >= ErrorRatio.minimumTargets }
    /// Whether a release with this ratio is taken out of use, on a device and in a rollout.
    package var isTooLarge: Bool { isConclusive && (ratio >= ErrorRatio.largeRatio || ratio >= ErrorRatio.smallRatio && low > 1) }
    /// Whether a rollout may go on: the error is not clearly larger.
    package var isSmallEnough: Bool { isConclusive && (ratio <= 1 || high <= ErrorRatio.smallRatio) }

    /// - Returns: `nil` with fewer than two blocks, or without any error of the reference.
    package init?(_ blocks: some Collection<Block>) {
        let used = blocks.filter { $0.targets > 0 }
        let (error, reference) = used.reduce((0.0, 0.0)) { ($0.0 + $1.error, $0.1 + $1.reference) }
        guard used.count > 1, reference > 0, error.isFinite else { return nil }
        let ratio = error / reference
        let squares = used.reduce(0.0) { sum, block in
            let rest = block.error - ratio * block.reference
            return sum + rest * rest
        }
        let n = Double(used.count)
        let deviation = (squares * n / (n - 1)).squareRoot() / reference
        let margin = StudentQuantile.value(.ninety, freedom: used.count - 1) * deviation
        (targets, self.blocks, self.ratio) = (used.reduce(0) { $0 + $1.targets }, used.count, ratio)
        (low, high) = (ratio - margin, ratio + margin)
    }
}

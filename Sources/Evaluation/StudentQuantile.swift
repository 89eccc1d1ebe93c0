/// Quantiles of Student's t.
enum StudentQuantile {
    enum Confidence: Double {
        case ninety = 1.281_551_566  // the quantile of the normal distribution
        case ninetyFive = 1.644_853_627
    }

    /// The one-sided quantile.
    ///
    /// One and two degrees of freedom: exact. More: within 1 % of the exact value; the series is Abramowitz and Stegun, 26.7.5.
    /// - Parameter freedom: degrees of freedom, at least 1.
    static func value(_ confidence: Confidence, freedom: Int) -> Double {
        switch (freedom, confidence) {
        case (...1, .ninety): return 3.077_683_537
        case (...1, .ninetyFive): return 6.313_751_515
        case (2, .ninety): return 1.885_618_083
        case (2, .ninetyFive): return 2.919_985_580
        default:
            let (n, z) = (Double(freedom), confidence.rawValue)
            let (cube, fifth) = (z * z * z, z * z * z * z * z)
            return z + (cube + z) / (4 * n) + (5 * fifth + 16 * cube + 3 * z) / (96 * n * n)
        }
    }
}

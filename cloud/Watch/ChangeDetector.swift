/// Finds a lasting change of a mean: two-sided cumulative sums.
///
/// Source: Page, Biometrika 41 (1954), 100–115; k and h in standard deviations as in Montgomery, Introduction to Statistical Quality Control, chapter 9.
struct ChangeDetector {
    private static let allowance = 1.0  // k: half the change to find, in standard deviations
    private static let limit = 4.0  // a single day counts at most this much

    private(set) var high = 0.0, low = 0.0
    private var highSince: Int?, lowSince: Int?  // the first day of the present excursion

    /// The larger of the two sums, in standard deviations.
    var sum: Double { max(high, low) }
    /// The estimated day of the change: the first day of the larger excursion.
    var changedOn: Int? { high >= low ? highSince : lowSince }
    var isUpward: Bool { high >= low }

    mutating func add(_ value: Double, day: Int) {
        let bounded = max(-ChangeDetector.limit, min(ChangeDetector.limit, value))
        high = max(0, high + bounded - ChangeDetector.allowance)
        low = max(0, low - bounded - ChangeDetector.allowance)
        highSince = high > 0 ? highSince ?? day : nil
        lowSince = low > 0 ? lowSince ?? day : nil
    }
}

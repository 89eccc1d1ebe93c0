/// Makes the forecasts of a new device more cautious: while its history is short, departures are smaller and intervals wider.
///
/// The shares were measured on the open series, at origins with one, three, seven and fourteen days of history, in the second half of each
/// series; the network had learnt from the first half.
struct ShortHistoryDamping: Sendable {
    private static let known: Float = 30  // days: the length of the history that is kept
    private static let widening: Float = 0.06

    private let share: Float  // the share subtracted from the departure on the first day
    private let days: Float  // days until nothing is subtracted
    private let margin: Float  // added to the width of the intervals at any age

    /// - Parameter hours: the lead time.
    init(hours: Float) {
        share = hours <= 3 ? 0.28 : hours <= 6 ? 0.17 : hours < 24 ? 0.12 : 0
        days = hours <= 1 ? 28 : 10
        // A new season differs from the past more than two parts of the past differ from each other.
        margin = hours >= 6 ? 0.03 : 0
    }

    /// The factor on a departure from now.
    func departureFactor(days known: Float) -> Float { 1 - share * max(0, 1 - max(0, known - 1) / days) }

    /// The factor on the width of the intervals. On the first two days `AdaptiveForecaster` already widens them.
    func widening(days known: Float) -> Float {
        1 + margin + (known < 2 ? 0 : ShortHistoryDamping.widening * max(0, 1 - known / ShortHistoryDamping.known))
    }
}

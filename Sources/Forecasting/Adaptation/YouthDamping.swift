/// A device of a few days has seen little of how its air moves: what is forecast leans to no change, and is less sure.
///
/// The shares were measured at origins that saw one, three, seven and fourteen days of the open series, after their first
/// half, which the network had learnt from.
struct YouthDamping: Sendable {
    private static let known: Float = 30  // days: as much as is remembered
    private static let widening: Float = 0.06

    private let share: Float  // of the departure, on the first day
    private let days: Float  // until none is taken off
    private let margin: Float  // of the intervals, at any age

    /// - Parameter hours: the lead time.
    init(hours: Float) {
        share = hours <= 3 ? 0.28 : hours <= 6 ? 0.17 : hours < 24 ? 0.12 : 0
        days = hours <= 1 ? 28 : 10
        // Air and seasons to come are less like the past than one part of it is like another.
        margin = hours >= 6 ? 0.03 : 0
    }

    /// What is kept of a departure from now.
    func kept(days known: Float) -> Float { 1 - share * max(0, 1 - max(0, known - 1) / days) }

    /// What the intervals are made wider by. On the first two days they are so already.
    func widening(days known: Float) -> Float {
        1 + margin + (known < 2 ? 0 : YouthDamping.widening * max(0, 1 - known / YouthDamping.known))
    }
}

internal import Measures
internal import Observing

/// The constants of one lead time in all forecasts of a sensor: its neighbouring knots and the damped anomaly's weights.
struct LeadPlan: Sendable {
    let bins: Int
    /// The nearest knots at or before, and at or after, the lead time. Both are equal on a knot and before the first knot.
    let low: Int, high: Int
    let share: Float  // position between `low` (0) and `high` (1)
    let humidity: Damping
    let temperature: Damping

    /// - Parameter served: indices of the knots that the grid serves, in increasing order.
    static func all(on grid: TimeGrid, served: [Int]) -> [LeadPlan] {
        ForecastShape.leadTimes(on: grid).map { leadTime in
            let above = served.firstIndex { NetworkInputs.knots[$0] >= leadTime } ?? served.count - 1
            let high = served[above]
            let low = above > 0 && NetworkInputs.knots[high] != leadTime ? served[above - 1] : high
            func bins(_ duration: Duration) -> Int { Int(duration.ms / grid.step.ms) }
            let (from, to) = (bins(NetworkInputs.knots[low]), bins(NetworkInputs.knots[high]))
            let weights = DampedAnomaly.weights(for: leadTime)
            return LeadPlan(
                bins: bins(leadTime), low: low, high: high, share: low == high ? 0 : Float(bins(leadTime) - from) / Float(to - from),
                humidity: weights.humidity, temperature: weights.temperature)
        }
    }
}

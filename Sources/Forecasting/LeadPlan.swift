internal import Measures
internal import Observing

/// What is the same for a lead time in every forecast of a sensor: the knots it lies between, and the damped anomaly's weights.
struct LeadPlan: Sendable {
    let bins: Int
    let low: Int, high: Int  // knots at or before and at or after it; the same on a knot, and before the first
    let share: Float  // of the way from low to high
    let humidity: DampedAnomaly.Damping
    let temperature: DampedAnomaly.Damping

    /// - Parameter served: the knots that the grid has, in order.
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

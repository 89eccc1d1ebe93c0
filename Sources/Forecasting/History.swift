package import Measures
package import Observing

/// The last eight days of one sensor on its grid: all that a forecast is made from.
///
/// A ring of fixed size; one more observation costs constant time. Not a number (`nan`) stands where nothing was observed.
package struct History: Sendable {
    package static let days = 8

    package let grid: TimeGrid
    package private(set) var origin: Instant?  // of the newest observation
    private var humidity: [Float]
    private var temperature: [Float]
    private var head = 0  // where the newest value is
    private var filled = 0

    package init(grid: TimeGrid) {
        self.grid = grid
        let capacity = History.days * Int(86_400_000 / grid.step.ms) + 1
        humidity = Array(repeating: .nan, count: capacity)
        temperature = Array(repeating: .nan, count: capacity)
    }

    package var capacity: Int { humidity.count }
    /// Bins since the first observation, at most `capacity`.
    package var length: Int { filled }
    package var binsPerHour: Int { Int(3_600_000 / grid.step.ms) }
    package var binsPerDay: Int { 24 * binsPerHour }

    /// Takes the next observation. One that is not newer than the last is left out.
    ///
    /// On a grid finer than an hour an empty bin holds the last value for at most 60 minutes; a longer gap stays empty.
    /// - Returns: whether it was taken.
    @discardableResult
    package mutating func append(_ observation: Observation) -> Bool {
        if let origin {
            let gap = Int((observation.validAt - origin).ms / grid.step.ms)
            guard gap > 0 else { return false }
            let held = (humidity[head], temperature[head])
            for bin in 1..<min(gap, capacity) {
                if bin <= grid.heldBins { push(held.0, held.1) } else { push(.nan, .nan) }
            }
        }
        push(Float(observation.humidity.percent), observation.temperature.map { Float($0.celsius) } ?? .nan)
        origin = observation.validAt
        return true
    }

    private mutating func push(_ humidity: Float, _ temperature: Float) {
        head = head + 1 == capacity ? 0 : head + 1
        self.humidity[head] = humidity
        self.temperature[head] = temperature
        filled = min(filled + 1, capacity)
    }

    /// - Parameter lag: bins before the newest, 0 to `capacity` − 1; `nan` beyond and where nothing was observed.
    package func humidity(lag: Int) -> Double { lag >= 0 && lag < filled ? Double(humidity[place(lag)]) : .nan }
    package func temperature(lag: Int) -> Double { lag >= 0 && lag < filled ? Double(temperature[place(lag)]) : .nan }

    private func place(_ lag: Int) -> Int { head >= lag ? head - lag : head - lag + capacity }
}

package import Measures
package import Observing

/// The last month of one sensor on its grid: all that a forecast is made from.
///
/// A ring of fixed size; one more observation costs constant time. Not a number (`nan`) stands where nothing was observed.
package struct History: Sendable {
    package static let days = RecentValues.days

    package let grid: TimeGrid
    package private(set) var origin: Instant?  // of the newest observation
    package private(set) var humidity: RecentValues  // thousandths of a percent
    package private(set) var temperature: RecentValues  // thousandths of a degree Celsius
    package let binsPerHour: Int
    private let stepMs: Int64

    package init(grid: TimeGrid) {
        self.grid = grid
        stepMs = grid.step.ms
        binsPerHour = Int(3_600_000 / stepMs)
        humidity = RecentValues(perHour: binsPerHour)
        temperature = humidity
    }

    package var capacity: Int { humidity.capacity }
    /// Bins since the first observation, at most `capacity`.
    package var length: Int { humidity.length }
    package var binsPerDay: Int { 24 * binsPerHour }

    /// Takes the next observation. One that is not newer than the last is left out.
    ///
    /// On a grid finer than an hour an empty bin holds the last value for at most 60 minutes; a longer gap stays empty.
    /// - Returns: whether it was taken.
    @discardableResult
    package mutating func append(_ observation: Observation) -> Bool {
        if let origin {
            let gap = Int((observation.validAt - origin).ms / stepMs)
            guard gap > 0 else { return false }
            if gap >= capacity {  // nothing of before counts any more
                self = History(grid: grid)
            } else {
                let held = (humidity[0], temperature[0])
                for bin in 1..<gap {
                    if bin <= grid.heldBins { push(held.0, held.1) } else { push(RecentValues.missing, RecentValues.missing) }
                }
            }
        }
        if length == 0 {
            let bin = Int(observation.validAt.ms / stepMs) % binsPerDay
            humidity.begin(phase: bin < 0 ? bin + binsPerDay : bin)
            temperature.begin(phase: bin < 0 ? bin + binsPerDay : bin)
        }
        push(
            History.thousandths(observation.humidity.percent, from: 0, to: 100),
            observation.temperature.map { History.thousandths($0.celsius, from: -273.15, to: 300) } ?? RecentValues.missing)
        origin = observation.validAt
        return true
    }

    private mutating func push(_ humidity: Int32, _ temperature: Int32) {
        self.humidity.push(humidity)
        self.temperature.push(temperature)
    }

    private static func thousandths(_ value: Double, from low: Double, to high: Double) -> Int32 {
        guard value == value else { return RecentValues.missing }
        return Int32((min(high, max(low, value)) * 1_000).rounded())
    }

    /// - Parameter lag: bins before the newest, 0 to `capacity` − 1; `nan` beyond and where nothing was observed.
    package func humidity(lag: Int) -> Double { History.unit(humidity[lag]) }
    package func temperature(lag: Int) -> Double { History.unit(temperature[lag]) }

    private static func unit(_ value: Int32) -> Double { value == RecentValues.missing ? .nan : Double(value) / 1_000 }
}

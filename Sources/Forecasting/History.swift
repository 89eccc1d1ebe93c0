package import Measures
package import Observing

/// The last month of one sensor on its grid: the only input of a forecast.
///
/// A ring buffer of fixed size; adding an observation takes constant time. `nan` stands where nothing was observed.
package struct History: Sendable {
    package static let days = RecentValues.days

    package let grid: TimeGrid
    package private(set) var origin: Instant?  // the time of the newest observation
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

    /// Adds the next observation. An observation that is not newer than the last one is discarded.
    ///
    /// On a grid finer than an hour, empty bins repeat the last value for at most 60 minutes; the rest of a longer gap stays empty.
    /// - Returns: whether the observation was added.
    @discardableResult
    package mutating func append(_ observation: Observation) -> Bool {
        if let origin {
            let gap = Int((observation.validAt - origin).ms / stepMs)
            guard gap > 0 else { return false }
            if gap >= capacity {  // all earlier values are too old
                self = History(grid: grid)
            } else {
                let held = (humidity[0], temperature[0])
                for bin in 1..<gap {
                    if bin <= grid.forwardFillBins { push(held.0, held.1) } else { push(RecentValues.missing, RecentValues.missing) }
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

    /// - Parameter lag: bins before the newest bin, 0 to `capacity` − 1; outside this range, and where nothing was observed, the result is `nan`.
    package func humidity(lag: Int) -> Double { History.unit(humidity[lag]) }
    package func temperature(lag: Int) -> Double { History.unit(temperature[lag]) }

    private static func unit(_ value: Int32) -> Double { value == RecentValues.missing ? .nan : Double(value) / 1_000 }
}

internal import Measures
package import Observing

/// The lead times and levels of every forecast.
package enum ForecastShape {
    /// 10–60 min in steps of 10, 1.5–6 h in steps of 0.5, 7–24 h in steps of 1, 27–48 h in steps of 3, 54–120 h in steps of 6. For hourly
    /// sensors, only whole hours.
    package static func leadTimes(on grid: TimeGrid) -> [Duration] {
        let minutes =
            Array(stride(from: 10, through: 60, by: 10)) + Array(stride(from: 90, through: 360, by: 30))
            + Array(stride(from: 420, through: 1_440, by: 60)) + Array(stride(from: 1_620, through: 2_880, by: 180))
            + Array(stride(from: 3_240, through: 7_200, by: 360))
        return minutes.map { .seconds($0 * 60) }.filter { isServed($0, on: grid) }
    }

    /// Whether the lead time is a whole number of bins: 90, 150, … minutes are not on an hourly grid.
    package static func isServed(_ leadTime: Duration, on grid: TimeGrid) -> Bool { leadTime.ms % grid.step.ms == 0 }

    package static let levels: [Double] = [0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95]
    package static let medianLevel = 3
    package static let lowLevel = 1  // lower end of the 80 % interval
    package static let highLevel = 5

    /// The lead times whose forecasts are scored live and stored for more than 6 days.
    package static let scored: [Duration] = [1, 3, 6, 12, 24, 48, 120].map { .seconds($0 * 3_600) }
    package static let horizon: Duration = .seconds(120 * 3_600)
}

package import Measures

/// The errors of one sensor's forecasts whose targets are on one day, for one release and lead time: sums, in milli-percent relative humidity.
package struct DailyScore: Sendable, Hashable {
    package static let reportLimit = 256  // scores in one report

    /// The errors beside those of the last good release, for the targets for which both have forecast.
    package struct Comparison: Sendable, Hashable {
        package var rivalCounter: UInt64  // 0: the shipped release
        package var count: Int64
        package var errorMpct: Int64
        package var rivalErrorMpct: Int64

        package init(rivalCounter: UInt64, count: Int64, errorMpct: Int64, rivalErrorMpct: Int64) {
            (self.rivalCounter, self.count, self.errorMpct, self.rivalErrorMpct) = (rivalCounter, count, errorMpct, rivalErrorMpct)
        }
    }

    package var sensor: SensorName
    package var day: Int64  // since 1970, UTC
    package var releaseCounter: UInt64  // 0: the shipped release or none
    package var leadTimeSeconds: Int64
    package var count: Int64
    package var absoluteErrorMpct: Int64
    package var persistenceErrorMpct: Int64
    package var climatologyErrorMpct: Int64
    package var pinballMpct: Int64  // mean over the levels
    package var covered: Int64  // targets within the 80 % interval
    package var comparison: Comparison?

    package init(
        sensor: SensorName, day: Int64, releaseCounter: UInt64, leadTimeSeconds: Int64, count: Int64, absoluteErrorMpct: Int64,
        persistenceErrorMpct: Int64, climatologyErrorMpct: Int64, pinballMpct: Int64, covered: Int64, comparison: Comparison?
    ) {
        (self.sensor, self.day, self.releaseCounter, self.leadTimeSeconds, self.count) = (sensor, day, releaseCounter, leadTimeSeconds, count)
        (self.absoluteErrorMpct, self.persistenceErrorMpct) = (absoluteErrorMpct, persistenceErrorMpct)
        (self.climatologyErrorMpct, self.pinballMpct, self.covered, self.comparison) = (climatologyErrorMpct, pinballMpct, covered, comparison)
    }

    /// Whether the numbers can be right: a day has at most 1,440 targets (one a minute), and no error is above 100 %.
    package var isPlausible: Bool {
        let most: Int64 = 1_440
        guard (0...100_000).contains(day), (1...1_209_600).contains(leadTimeSeconds), (1...most).contains(count), (0...count).contains(covered)
        else { return false }
        let sums = [absoluteErrorMpct, persistenceErrorMpct, climatologyErrorMpct, pinballMpct]
        guard sums.allSatisfy({ (0...(count * 100_000)).contains($0) }) else { return false }
        guard let comparison else { return true }
        return (1...most).contains(comparison.count)
            && [comparison.errorMpct, comparison.rivalErrorMpct].allSatisfy { (0...(comparison.count * 100_000)).contains($0) }
    }
}

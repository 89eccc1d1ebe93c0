package import Measures

/// The strata of one series' targets.
///
/// The archive knows neither the place nor the time zone of a sensor, so day and night follow from the series: relative humidity is lowest in the
/// warm hours, so the 12 consecutive hours of the day with the lowest mean are the day.
package struct SeriesStrata: Sendable {
    private static let indoorDailyRange = 15.0  // %RH
    private static let dampHumidity = 90.0  // %RH

    private let rangeStratum: Strata
    private let isDay: [Bool]  // by UTC hour

    /// - Parameter observations: of the series, in order of time.
    package init(_ observations: ArraySlice<Observation>) {
        var ranges: [Double] = []
        var day: (number: Int64, low: Double, high: Double)?
        var sums = [Double](repeating: 0, count: 24)
        var counts = sums
        for observation in observations {
            let humidity = observation.humidity.percent
            let (number, hour) = SeriesStrata.dayAndHour(observation.validAt)
            sums[hour] += humidity
            counts[hour] += 1
            if let current = day, current.number == number {
                day = (number, min(current.low, humidity), max(current.high, humidity))
            } else {
                if let day { ranges.append(day.high - day.low) }
                day = (number, humidity, humidity)
            }
        }
        if let day { ranges.append(day.high - day.low) }
        let median = ranges.isEmpty ? 0 : ranges.sorted()[ranges.count / 2]
        rangeStratum = Strata(median < SeriesStrata.indoorDailyRange ? .indoorLike : .outdoorLike)
        isDay = SeriesStrata.driestHours(zip(sums, counts).map { $1 > 0 ? $0 / $1 : .infinity })
    }

    /// - Parameter means: [24] mean humidity by hour; infinite for an hour without observations.
    /// - Returns: [24] whether the hour is one of the 12 consecutive hours with the lowest mean.
    private static func driestHours(_ means: [Double]) -> [Bool] {
        let sums = (0..<24).map { start in (0..<12).reduce(0) { $0 + means[(start + $1) % 24] } }
        let start = sums.indices.min { sums[$0] < sums[$1] } ?? 0
        return (0..<24).map { ($0 - start + 24) % 24 < 12 }
    }

    /// Days since 1970 and the hour of the day, both in UTC.
    private static func dayAndHour(_ instant: Instant) -> (day: Int64, hour: Int) {
        let hours = instant.ms >= 0 ? instant.ms / 3_600_000 : (instant.ms - 3_599_999) / 3_600_000
        let hour = ((hours % 24) + 24) % 24
        return ((hours - hour) / 24, Int(hour))
    }

    /// - Parameter humidity: observed at the target, in %RH.
    package func strata(ofTarget target: Instant, humidity: Double) -> Strata {
        var strata = rangeStratum
        if humidity > SeriesStrata.dampHumidity { strata.insert(Strata(.damp)) }
        strata.insert(Strata(isDay[SeriesStrata.dayAndHour(target).hour] ? .day : .night))
        return strata
    }
}

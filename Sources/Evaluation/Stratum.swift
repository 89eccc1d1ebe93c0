package import Measures

/// A condition under which a candidate must not be worse than the champion, however much better the candidate is on average.
package enum Stratum: Int, Sendable, CaseIterable {
    case indoorLike  // a series whose median daily range is less than 15 %RH
    case outdoorLike
    case damp  // targets above 90 %RH
    case day
    case night

    package var name: String {
        switch self {
        case .indoorLike: "indoor-like"
        case .outdoorLike: "outdoor-like"
        case .damp: "above 90 %RH"
        case .day: "day"
        case .night: "night"
        }
    }
}

/// A set of strata. A target belongs to several.
package struct Strata: OptionSet, Sendable, Hashable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }
    package init(_ stratum: Stratum) { rawValue = 1 << stratum.rawValue }
    package func contains(_ stratum: Stratum) -> Bool { contains(Strata(stratum)) }
}

/// The strata of one series' targets.
///
/// The archive knows neither the place nor the time zone of a sensor, so day and night follow from the series: relative humidity is lowest in the
/// warm hours, so the 12 consecutive hours of the day with the lowest mean are the day.
package struct SeriesStrata: Sendable {
    private static let indoorDailyRange = 15.0  // %RH
    private static let dampHumidity = 90.0  // %RH

    private let spread: Strata
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
        spread = Strata(median < SeriesStrata.indoorDailyRange ? .indoorLike : .outdoorLike)
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
        var strata = spread
        if humidity > SeriesStrata.dampHumidity { strata.insert(Strata(.damp)) }
        strata.insert(Strata(isDay[SeriesStrata.dayAndHour(target).hour] ? .day : .night))
        return strata
    }
}

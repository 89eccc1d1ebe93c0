/// One input of the ridge, by its name in a release's feature contract.
///
/// All but the last three are differences to now over the series' own 7-day standard deviation; a missing value gives 0,
/// the same as "no different from now".
package enum Feature: Sendable, Hashable {
    case humidityLag(seconds: Int)
    case humidityDayMean
    case humidityWeekMean
    case humiditySameHourNow  // the mean of the last 7 days at the origin's time of day
    case humiditySameHour(day: Int)  // at the target's time of day, `day` = 0 the latest not after the origin, to 6
    case humiditySameHourMean  // the mean of the last 7 days at the target's time of day
    case temperatureLag(seconds: Int)
    case temperatureWeekMean
    case temperatureSameHourMean
    case room  // how far below 100 %, in deviations, at most 4
    case bias

    package var name: String {
        switch self {
        case .humidityLag(let seconds): "humidity.lag.\(seconds)"
        case .humidityDayMean: "humidity.mean.86400"
        case .humidityWeekMean: "humidity.mean.604800"
        case .humiditySameHourNow: "humidity.same_hour_now"
        case .humiditySameHour(let day): "humidity.same_hour.\(day)"
        case .humiditySameHourMean: "humidity.same_hour_mean"
        case .temperatureLag(let seconds): "temperature.lag.\(seconds)"
        case .temperatureWeekMean: "temperature.mean.604800"
        case .temperatureSameHourMean: "temperature.same_hour_mean"
        case .room: "humidity.room"
        case .bias: "bias"
        }
    }

    /// - Returns: `nil` for a feature that this program cannot build.
    package init?(name: String) {
        func number(after prefix: String, upTo limit: Int) -> Int? {
            guard name.hasPrefix(prefix), let value = Int(name.dropFirst(prefix.utf8.count)), (0...limit).contains(value),
                "\(prefix)\(value)" == name
            else { return nil }
            return value
        }
        if let known = Feature.fixed.first(where: { $0.name == name }) {
            self = known
        } else if let seconds = number(after: "humidity.lag.", upTo: 604_800), seconds > 0 {
            self = .humidityLag(seconds: seconds)
        } else if let day = number(after: "humidity.same_hour.", upTo: 6) {
            self = .humiditySameHour(day: day)
        } else if let seconds = number(after: "temperature.lag.", upTo: 604_800), seconds > 0 {
            self = .temperatureLag(seconds: seconds)
        } else {
            return nil
        }
    }

    private static let fixed: [Feature] = [
        .humidityDayMean, .humidityWeekMean, .humiditySameHourNow, .humiditySameHourMean, .temperatureWeekMean,
        .temperatureSameHourMean, .room, .bias,
    ]

    /// What `train` uses for a grid of this step.
    package static func contract(stepSeconds: Int) -> [Feature] {
        let minutes = stepSeconds < 3_600 ? [10, 20, 30, 40, 50].map { $0 * 60 } : []
        let hours = [1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 18, 21, 23, 24].map { $0 * 3_600 }
        return (minutes + hours).map { .humidityLag(seconds: $0) }
            + [.humidityDayMean, .humidityWeekMean, .humiditySameHourNow]
            + (0...2).map { .humiditySameHour(day: $0) } + [.humiditySameHourMean]
            + [1, 3, 6, 12, 24].map { .temperatureLag(seconds: $0 * 3_600) } + [.temperatureWeekMean, .temperatureSameHourMean]
            + [.room, .bias]
    }
}

/// A quantity that a rule compares with its threshold.
package enum RuleQuantity: String, Sendable, CaseIterable {
    case humidity
    case temperature
    case dewPoint = "dew point"
    case surfaceHumidity = "surface humidity"
    case aboveDewPoint = "surface above dew point"  // in K; written «dew point within N K of surface»
    case mouldIndex = "mould index"  // 0 to 6

    var unit: String? {
        switch self {
        case .humidity, .surfaceHumidity: "%"
        case .temperature, .dewPoint: "°C"
        case .aboveDewPoint: "K"
        case .mouldIndex: nil
        }
    }
}

/// The quantity that a rule watches: a present value, or a level of the forecast.
package enum RuleSubject: Sendable, Equatable {
    case now(RuleQuantity)
    /// A forecast level (index in `ForecastShape.levels`), and the longest lead time to consider.
    case forecast(level: Int, within: Duration)

    /// The valid range of a threshold; `nil` if every threshold is valid.
    var thresholds: ClosedRange<Double>? {
        switch self {
        case .forecast, .now(.humidity): 0...100
        case .now(.mouldIndex): 0...6
        case .now: nil
        }
    }

    var thresholdProblem: String { self == .now(.mouldIndex) ? "a mould index is 0 to 6" : "a humidity is 0 to 100 %" }

    var defaultHysteresis: Double {
        switch self {
        case .now(.temperature), .now(.dewPoint), .now(.aboveDewPoint): 0.5
        case .now(.mouldIndex): 0.2
        default: 2
        }
    }
}

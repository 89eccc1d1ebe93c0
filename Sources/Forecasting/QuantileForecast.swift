package import Measures
internal import Observing

/// All forecasts of one sensor from one origin.
package struct QuantileForecast: Sendable, Equatable {
    package let origin: Instant  // the time of the last observation the model saw
    package let leadTimes: [Duration]  // strictly increasing
    package let humidity: [Double]  // [leadTimes.count × levels.count] in %, 0 to 100; values never decrease within a row
    package let temperature: [Double]?  // nil if the sensor has no temperature
    package let climatology: [Double]  // in %; scores compare the forecast with climatology and persistence
    /// [leadTimes.count] expected skill against climatology, from this forecaster's past scores: see `SkillTracking`; nil while unknown.
    package let skill: [Double?]
    package let now: RelativeHumidity  // the humidity at the origin: the forecast of persistence
    package let method: Method

    package enum Method: UInt8, Sendable {
        case dampedAnomaly = 1
        case ridge = 2  // no longer issued; stored forecasts of earlier releases have it
        case network = 3

        package var name: String {
            switch self {
            case .dampedAnomaly: "damped anomaly"
            case .ridge: "ridge"
            case .network: "network"
            }
        }
    }

    package init(
        origin: Instant, leadTimes: [Duration], humidity: [Double], temperature: [Double]?, climatology: [Double],
        skill: [Double?], now: RelativeHumidity, method: Method
    ) {
        self.origin = origin
        self.leadTimes = leadTimes
        self.humidity = humidity
        self.temperature = temperature
        self.climatology = climatology
        self.skill = skill
        self.now = now
        self.method = method
    }

    /// Whether the forecast is recent: its origin is at most three steps old.
    package func isFresh(at now: Instant, step: Duration) -> Bool { now - origin <= step * SensorState.stalePeriods }

    package var skillHorizon: SkillHorizon { SkillHorizon(leadTimes: leadTimes, skill: skill) }
    package func humidity(lead: Int, level: Int) -> Double { humidity[lead * ForecastShape.levels.count + level] }
    /// The humidity at any level from the lowest to the highest one of `ForecastShape.levels`: between two of these levels by linear interpolation.
    package func humidity(lead: Int, at level: Double) -> Double {
        let levels = ForecastShape.levels
        guard let upper = levels.firstIndex(where: { $0 >= level }), upper > 0 else { return humidity(lead: lead, level: 0) }
        if levels[upper] == level { return humidity(lead: lead, level: upper) }
        let share = (level - levels[upper - 1]) / (levels[upper] - levels[upper - 1])
        let low = humidity(lead: lead, level: upper - 1)
        return low + share * (humidity(lead: lead, level: upper) - low)
    }
    /// The median temperature at the lead time nearest to an instant; `nil` if none is within an hour.
    package func temperature(at instant: Instant) -> Temperature? {
        guard let temperature else { return nil }
        var nearest: (distance: Int64, lead: Int)?
        for lead in leadTimes.indices {
            let distance = abs((origin + leadTimes[lead] - instant).ms)
            if distance <= 3_600_000, distance < nearest?.distance ?? .max { nearest = (distance, lead) }
        }
        return nearest.map { Temperature(celsius: temperature[$0.lead]) }
    }
    package func median(lead: Int) -> Double { humidity(lead: lead, level: ForecastShape.medianLevel) }
}

package import Measures
internal import Observing

/// All forecasts of one sensor from one origin.
package struct QuantileForecast: Sendable, Equatable {
    package let origin: Instant  // of the last observation the model saw
    package let leadTimes: [Duration]  // strictly increasing
    package let humidity: [Double]  // [leadTimes.count × levels.count] in %, 0 to 100; no row decreases
    package let temperature: [Double]?  // [leadTimes.count] median in °C; nil where the sensor has none
    package let climatology: [Double]  // [leadTimes.count] in %: what it is scored against, beside persistence
    package let skill: [Double?]  // [leadTimes.count] expected, against climatology, from its own scored past: see `SkillTracking`; nil while unknown
    package let now: RelativeHumidity  // at the origin: persistence
    package let method: Method

    package enum Method: UInt8, Sendable {
        case dampedAnomaly = 1
        case ridge = 2  // of earlier releases, in stores
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

    /// Whether the forecast is of now: its origin is at most three steps old.
    package func isFresh(at now: Instant, step: Duration) -> Bool { now - origin <= step * SensorState.stalePeriods }

    package var skillEnd: SkillEnd { SkillEnd(leadTimes: leadTimes, skill: skill) }
    package func humidity(lead: Int, level: Int) -> Double { humidity[lead * ForecastShape.levels.count + level] }
    /// The median temperature at an instant, of the nearest lead time within an hour.
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

internal import Measures
internal import Psychrometrics

/// Computes the values that rules on readings compare with their thresholds, from the temperature and humidity at each sensor.
struct RuleValues: Sendable {
    let rules: [Rule]
    let surfaces: [SensorName: EdgeSettings.Surface]
    private var temperatures: [SensorName: (celsius: Double, at: Instant)] = [:]  // the newest

    init(rules: [Rule], surfaces: [SensorName: EdgeSettings.Surface]) {
        (self.rules, self.surfaces) = (rules, surfaces)
    }

    /// Adds a reading of a sensor.
    /// - Returns: the rules on readings of this sensor, each with its value for this reading.
    mutating func add(_ humidity: RelativeHumidity, _ air: Temperature?, of sensor: SensorName, at instant: Instant) -> [(Rule, Double)] {
        if let air { temperatures[sensor] = (air.celsius, instant) }
        return rules.compactMap { rule in
            guard rule.sensor ?? sensor == sensor, case .now(let quantity) = rule.subject else { return nil }
            return value(quantity, humidity, air, sensor, instant).map { (rule, $0) }
        }
    }

    private func value(
        _ quantity: RuleQuantity, _ humidity: RelativeHumidity, _ air: Temperature?, _ sensor: SensorName, _ instant: Instant
    ) -> Double? {
        switch quantity {
        case .mouldIndex: return nil  // computed from observations, not from one reading
        case .humidity: return humidity.percent
        case .temperature: return air?.celsius
        case .dewPoint: return air.flatMap { MoistAir.dewPoint(of: $0, at: humidity)?.celsius }
        case .surfaceHumidity, .aboveDewPoint:
            guard let air, let surface = surface(of: sensor, at: instant) else { return nil }
            if quantity == .surfaceHumidity { return MoistAir.humidity(at: surface, of: air, at: humidity).percent }
            return MoistAir.condensationPoint(of: air, at: humidity).map { surface.celsius - $0.celsius }
        }
    }

    private func surface(of sensor: SensorName, at instant: Instant) -> Temperature? {
        switch surfaces[sensor] {
        case .at(let temperature): return temperature
        case .measured(let other):
            guard let there = temperatures[other], abs((instant - there.at).ms) <= 3_600_000 else { return nil }
            return Temperature(celsius: there.celsius)
        case nil: return nil
        }
    }
}

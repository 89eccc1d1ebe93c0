package import Measures
package import Psychrometrics

/// What a forecast's medians say of the water in the air, lead time by lead time: that of the median air, not the median of what may come.
package struct MoistureAhead: Sendable {
    package let water: [WaterInAir?]  // [leadTimes.count]; nil without a temperature
    package let surfaceHumidity: [RelativeHumidity?]?  // [leadTimes.count]; nil where no surface is known
    package let mould: [MouldIndex]?  // [leadTimes.count]; nil without a temperature, or an index to begin with

    /// - Parameters:
    ///   - surface: how cold a wall or pane beside the air will be at an instant.
    ///   - mould: at the forecast's origin.
    package init(_ forecast: QuantileForecast, mould: MouldIndex? = nil, surface: ((Instant) -> Temperature?)? = nil) {
        let air = forecast.leadTimes.indices.map { lead in
            forecast.temperature.map { (Temperature(celsius: $0[lead]), RelativeHumidity(percent: forecast.median(lead: lead))) }
        }
        water = air.map { $0.flatMap { WaterInAir($0, $1) } }
        let walls = forecast.leadTimes.map { surface?(forecast.origin + $0) }
        surfaceHumidity = surface.map { _ in
            zip(air, walls).map { air, wall in
                guard let (temperature, humidity) = air, let wall else { return nil }
                return MoistAir.humidity(at: wall, of: temperature, at: humidity)
            }
        }
        guard var index = mould, forecast.temperature != nil else {
            self.mould = nil
            return
        }
        var before: Duration = .zero
        self.mould = forecast.leadTimes.indices.map { lead in
            if let (temperature, humidity) = air[lead] {
                let there = walls[lead].map { MoistAir.air(at: $0, of: temperature, at: humidity) } ?? (temperature, humidity)
                index.advance(there.0, there.1, for: forecast.leadTimes[lead] - before)
            }
            before = forecast.leadTimes[lead]
            return index
        }
    }
}

package import Measures
package import Psychrometrics

/// The moisture of the air at each lead time, computed from the medians of a forecast. The values describe air with the median
/// temperature and the median humidity; they are not medians of moisture.
package struct MoistureForecast: Sendable {
    package let water: [WaterInAir?]  // [leadTimes.count]; nil without a temperature
    package let surfaceHumidity: [RelativeHumidity?]?  // nil if no surface is known
    package let mould: [MouldIndex]?  // nil without a temperature or without an initial index

    /// - Parameters:
    ///   - surface: the temperature of a wall or window pane beside the air at an instant.
    ///   - mould: the index at the forecast's origin.
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

package import Measures

/// The water in air of one temperature and humidity, in the units shown to users.
package struct WaterInAir: Sendable, Equatable {
    package let dewPoint: Temperature
    package let vapourPressure: Double  // Pa
    package let absoluteHumidity: Double  // g/m³

    /// `nil` if there is no dew point.
    package init?(_ air: Temperature, _ humidity: RelativeHumidity) {
        guard let dewPoint = MoistAir.dewPoint(of: air, at: humidity) else { return nil }
        self.dewPoint = dewPoint
        vapourPressure = MoistAir.vapourPressure(of: air, at: humidity)
        absoluteHumidity = MoistAir.absoluteHumidity(of: air, at: humidity)
    }
}

/// Computes the water in the air from temperature and relative humidity.
package enum MoistAir {
    // Magnus form over liquid water: saturation pressure within 0.4 % from -40 to 50 °C.
    // Source: Alduchov and Eskridge, J. Appl. Meteor. 35 (1996), 601-609.
    private static let a = 17.625
    private static let b = 243.04  // °C
    private static let c = 610.94  // Pa

    /// Saturation vapour pressure over ice, in pascals; for 0 °C and below. Source as for the Magnus form above; within 0.5 % from -80 °C.
    package static func saturationPressure(overIceAt air: Temperature) -> Double {
        611.21 * PortableMath.exp(22.587 * air.celsius / (273.86 + air.celsius))
    }

    /// The temperature at which water condenses on a surface: the dew point, or below 0 °C the frost point, which is higher.
    /// - Returns: `nil` if there is no dew point.
    package static func condensationPoint(of air: Temperature, at humidity: RelativeHumidity) -> Temperature? {
        guard let dewPoint = dewPoint(of: air, at: humidity) else { return nil }
        guard dewPoint.celsius < 0 else { return dewPoint }
        let gamma = PortableMath.log(vapourPressure(of: air, at: RelativeHumidity(percent: min(100, humidity.percent))) / 611.21)
        return Temperature(celsius: min(0, 273.86 * gamma / (22.587 - gamma)))
    }

    /// The air directly at a surface; its humidity is at most 100 %.
    package static func air(at surface: Temperature, of air: Temperature, at humidity: RelativeHumidity) -> (Temperature, RelativeHumidity) {
        (surface, RelativeHumidity(percent: min(100, MoistAir.humidity(at: surface, of: air, at: humidity).percent)))
    }

    /// Saturation vapour pressure over liquid water, in pascals.
    package static func saturationPressure(at air: Temperature) -> Double {
        c * PortableMath.exp(a * air.celsius / (b + air.celsius))
    }

    /// The pressure of the water vapour in the air, in pascals.
    package static func vapourPressure(of air: Temperature, at humidity: RelativeHumidity) -> Double {
        humidity.percent / 100 * saturationPressure(at: air)
    }

    /// Relative humidity of the same air after cooling or warming to a surface's temperature at constant vapour pressure.
    /// - Returns: more than 100 % if water condenses on the surface.
    package static func humidity(at surface: Temperature, of air: Temperature, at humidity: RelativeHumidity) -> RelativeHumidity {
        RelativeHumidity(percent: 100 * vapourPressure(of: air, at: humidity) / saturationPressure(at: surface))
    }

    /// The temperature at which air of this temperature and humidity becomes saturated; never above `air`.
    ///
    /// Computed with the Magnus form; source as above.
    /// - Returns: `nil` if there is none: humidity is not above 0 %, or not a number.
    package static func dewPoint(of air: Temperature, at humidity: RelativeHumidity) -> Temperature? {
        guard humidity.percent > 0, air.celsius > -200 else { return nil }
        let gamma = PortableMath.log(min(humidity.percent, 100) / 100) + a * air.celsius / (b + air.celsius)
        guard gamma.isFinite else { return nil }
        return Temperature(celsius: min(air.celsius, b * gamma / (a - gamma)))
    }

    /// Water vapour in grams per cubic metre, by the ideal gas law (R_v = 461.5 J/(kg·K)).
    package static func absoluteHumidity(of air: Temperature, at humidity: RelativeHumidity) -> Double {
        humidity.percent / 100 * saturationPressure(at: air) / (461.5 * (air.celsius + 273.15)) * 1_000
    }
}

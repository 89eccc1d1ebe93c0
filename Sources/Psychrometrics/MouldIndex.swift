package import Measures

/// The mould index of Hukka and Viitanen for pine sapwood, 0 (none) to 6 (fully covered); 1 is first growth visible under the microscope, 3 is
/// growth visible to the eye.
///
/// Source: A. Hukka, H. A. Viitanen, A mathematical model of mould growth on wooden material, Wood Science and Technology 33 (1999), 475–485,
/// equations 1 to 7. The model covers resawn pine at 0 to 50 °C in the air directly at the wood. Mould grows less on plaster, paint and stone;
/// the air at a cold wall is moister than the air of the room. The index shows trends; it does not prove that mould exists.
package struct MouldIndex: Sendable, Equatable {
    package private(set) var value = 0.0
    private var dryHours = 0.0  // since growth was last possible
    private static let maximumStepHours = 24.0  // hours: the largest step; the air in a longer gap is unknown

    package init() {}

    /// The humidity below which mould does not grow, in %; `nil` outside the model's range: frost, and above 50 °C.
    package static func criticalHumidity(at air: Temperature) -> RelativeHumidity? {
        let t = air.celsius
        guard t > 0, t <= 50 else { return nil }
        return RelativeHumidity(percent: t > 20 ? 80 : max(80, ((-0.00267 * t + 0.160) * t - 3.13) * t + 100))
    }

    /// Whether mould grows in this air.
    package static func grows(in air: Temperature, at humidity: RelativeHumidity) -> Bool {
        criticalHumidity(at: air).map { humidity.percent >= $0.percent } ?? false
    }

    /// Weeks at constant conditions until the index is 1, and until growth is visible (equations 2 and 3, pine, resawn).
    package static func weeks(at air: Temperature, _ humidity: RelativeHumidity) -> (first: Double, visible: Double) {
        let (t, h) = (PortableMath.log(air.celsius), PortableMath.log(min(100, humidity.percent)))
        return (PortableMath.exp(-0.68 * t - 13.9 * h + 66.02), PortableMath.exp(-0.74 * t - 12.72 * h + 61.50))
    }

    /// - Parameter span: how long the air had these values; more than a day counts as a day.
    package mutating func advance(_ air: Temperature, _ humidity: RelativeHumidity, for span: Duration) {
        let hours = min(MouldIndex.maximumStepHours, Double(span.ms) / 3_600_000)
        guard hours > 0, humidity.percent == humidity.percent, air.celsius == air.celsius else { return }
        guard let critical = MouldIndex.criticalHumidity(at: air) else { return }  // frost or heat: outside the model's range
        guard humidity.percent >= critical.percent else { return decline(hours) }
        dryHours = 0
        let percent = min(100, humidity.percent)
        let (first, visible) = MouldIndex.weeks(at: air, humidity)
        let k1 = value < 1 ? 1 : 2 / (visible / first - 1)
        let share = critical.percent < 100 ? (critical.percent - percent) / (critical.percent - 100) : 1
        let most = 1 + 7 * share - 2 * share * share
        let k2 = max(0, 1 - PortableMath.exp(2.3 * (value - most)))
        value = min(6, value + hours / 24 * k1 * k2 / (7 * first))
    }

    /// Dry air reduces the index: at full rate for the first six hours, not at all until 24 hours, then at half rate (equation 7).
    private mutating func decline(_ hours: Double) {
        func dried(_ from: Double, _ to: Double, within: ClosedRange<Double>) -> Double {
            max(0, min(to, within.upperBound) - max(from, within.lowerBound))
        }
        let end = dryHours + hours
        let quick = dried(dryHours, end, within: 0...6)
        let slow = dried(dryHours, end, within: 24...(.greatestFiniteMagnitude))
        value = max(0, value - 0.00133 * quick - 0.000667 * slow)
        dryHours = end
    }
}

package import Measures

/// Accepts or rejects single readings. The store keeps a rejected reading, but no observation includes it.
package enum QualityControl {
    package enum Verdict: Sendable, Equatable {
        case passed(humidity: RelativeHumidity, temperature: Temperature?)
        case failed(RejectionReason)
    }

    package enum RejectionReason: UInt8, Sendable, CaseIterable {
        case missing = 1  // no humidity in the reading
        case range = 2  // outside `HumidityRange`
        case spike = 3  // a false reading between correct ones
        case heated = 4  // the sensor's heater was on

        package var name: String {
            switch self {
            case .missing: "missing"
            case .range: "range"
            case .spike: "spike"
            case .heated: "heated"
            }
        }
    }

    /// Sensors have errors in dry and saturated air: a value within `HumidityRange` is limited to 0 to 100 %, a value outside fails.
    package static func check(_ reading: Reading) -> Verdict {
        guard let humidity = reading.humidityMpct else { return .failed(.missing) }
        guard HumidityRange.of(reading.flags).contains(humidity), !reading.flags.contains(.impossible) else { return .failed(.range) }
        guard !reading.flags.contains(.spike) else { return .failed(.spike) }
        guard !reading.flags.contains(.heated) else { return .failed(.heated) }
        let percent = min(100, max(0, Double(humidity) / 1_000))
        // Outside -90 to 90 °C, beyond the range of any air sensor, only the temperature is discarded.
        let temperature = reading.temperatureMc.flatMap { (-90_000...90_000).contains($0) ? Temperature(celsius: Double($0) / 1_000) : nil }
        return .passed(humidity: RelativeHumidity(percent: percent), temperature: temperature)
    }

    /// Whether the value is outside 0 to 100 % but within the range of a linear output.
    package static func isSlightlyOutOfRange(humidityMpct: Int32) -> Bool {
        HumidityRange.linear.contains(humidityMpct) && !(0...100_000).contains(humidityMpct)
    }

    /// Whether the value is impossible for air. A driver sets the flag `impossible` for such a value.
    package static func isImpossible(humidityMpct: Int32) -> Bool { !HumidityRange.plausible.contains(humidityMpct) }
}

package import Measures

/// Judges readings one by one; a reading that fails stays stored but is no part of an observation.
package enum QualityControl {
    package enum Verdict: Sendable, Equatable {
        case passed(humidity: RelativeHumidity, temperature: Temperature?)
        case failed(Fault)
    }

    package enum Fault: UInt8, Sendable, CaseIterable {
        case missing = 1  // no humidity in the reading
        case range = 2  // beyond `HumidityRange`
        case spike = 3  // a false reading between good ones
        case heated = 4  // the part's heater was on

        package var name: String {
            switch self {
            case .missing: "missing"
            case .range: "range"
            case .spike: "spike"
            case .heated: "heated"
            }
        }
    }

    /// A sensor errs around dry and saturated air: within `HumidityRange` it is cut to 0 and 100 %, beyond it fails.
    package static func judge(_ reading: Reading) -> Verdict {
        guard let humidity = reading.humidityMpct else { return .failed(.missing) }
        guard HumidityRange.of(reading.flags).contains(humidity), !reading.flags.contains(.impossible) else { return .failed(.range) }
        guard !reading.flags.contains(.spike) else { return .failed(.spike) }
        guard !reading.flags.contains(.heated) else { return .failed(.heated) }
        let percent = min(100, max(0, Double(humidity) / 1_000))
        // -90 to 90 °C: beyond what any air sensor measures, the temperature alone is dropped.
        let temperature = reading.temperatureMc.flatMap { (-90_000...90_000).contains($0) ? Temperature(celsius: Double($0) / 1_000) : nil }
        return .passed(humidity: RelativeHumidity(percent: percent), temperature: temperature)
    }

    /// Beyond 0 to 100 %, but as a linear output may be.
    package static func isOverstepped(humidityMpct: Int32) -> Bool {
        HumidityRange.linear.contains(humidityMpct) && !(0...100_000).contains(humidityMpct)
    }

    /// What a driver should flag at once: no air has it.
    package static func isImpossible(humidityMpct: Int32) -> Bool { !HumidityRange.plausible.contains(humidityMpct) }
}

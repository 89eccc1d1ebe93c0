package import Measures

/// Judges readings one by one; a reading that fails stays stored but is no part of an observation.
package enum QualityControl {
    package enum Verdict: Sendable, Equatable {
        case passed(humidity: RelativeHumidity, temperature: Temperature?)
        case failed(Fault)
    }

    package enum Fault: UInt8, Sendable, CaseIterable {
        case missing = 1  // no humidity in the reading
        case range = 2  // outside -1 to 101 %

        package var name: String {
            switch self {
            case .missing: "missing"
            case .range: "range"
            }
        }
    }

    /// A capacitive sensor errs by a little around dry and saturated air: within 1 % of the ends it is cut, beyond it fails.
    package static func judge(_ reading: Reading) -> Verdict {
        guard let humidity = reading.humidityMpct else { return .failed(.missing) }
        // A linear output oversteps by up to a sixth in saturated air, and its data sheet says to cut it.
        let range = reading.flags.contains(.clamped) ? linear : -1_000...101_000
        guard range.contains(humidity), !reading.flags.contains(.impossible) else { return .failed(.range) }
        let percent = min(100, max(0, Double(humidity) / 1_000))
        // -90 to 90 °C: beyond what any air sensor measures, the temperature alone is dropped.
        let temperature = reading.temperatureMc.flatMap { (-90_000...90_000).contains($0) ? Temperature(celsius: Double($0) / 1_000) : nil }
        return .passed(humidity: RelativeHumidity(percent: percent), temperature: temperature)
    }

    private static let linear: ClosedRange<Int32> = -10_000...125_000

    /// Beyond 0 to 100 %, but as a linear output may be.
    package static func isOverstepped(humidityMpct: Int32) -> Bool {
        linear.contains(humidityMpct) && !(0...100_000).contains(humidityMpct)
    }

    /// What a driver should flag at once: no air has it.
    package static func isImpossible(humidityMpct: Int32) -> Bool { !(-1_000...101_000).contains(humidityMpct) }
}

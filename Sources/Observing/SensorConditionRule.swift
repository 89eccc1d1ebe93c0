package import Measures

/// Derives a sensor's condition from its newest reading, with a detail text that names the cause.
package enum SensorConditionRule {
    /// - Parameters:
    ///   - newest: the sensor's newest reading, calibrated.
    ///   - spellStart: since when the newest value has not changed, or has been at 0 or 100 %.
    /// - Returns: the condition without regard to the reading's age: see `SensorCondition.aged`.
    package static func condition(newest: Reading, spellStart: Instant?) -> SensorCondition {
        switch QualityControl.check(newest) {
        case .failed(.missing): return SensorCondition(.failing, since: newest.takenAt, detail: "the newest reading has no humidity")
        case .failed(.range):
            return SensorCondition(.failing, since: newest.takenAt, detail: "the newest reading is impossible for air")
        case .failed(.heated):
            return SensorCondition(.failing, since: newest.takenAt, detail: "the part's heater is on: its readings are not used until it is off")
        case .failed(.spike), .passed:
            if newest.flags.contains(.flat) { return SensorCondition(.flat, since: spellStart, detail: "the value has not changed since then") }
            if newest.flags.contains(.saturated) {
                return SensorCondition(.saturated, since: spellStart, detail: "the value is at 0 or 100 %")
            }
            return .ok
        }
    }
}

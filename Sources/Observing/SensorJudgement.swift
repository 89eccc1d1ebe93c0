package import Measures

/// Tells a sensor's condition from its newest reading, in words that name what to do.
package enum SensorJudgement {
    /// - Parameters:
    ///   - newest: the sensor's newest reading, calibrated.
    ///   - spellStart: since when the newest value has not changed, or has been at an end of the range.
    /// - Returns: without regard to the reading's age: see `SensorCondition.aged`.
    package static func condition(newest: Reading, spellStart: Instant?) -> SensorCondition {
        switch QualityControl.judge(newest) {
        case .failed(.missing): return SensorCondition(.failing, since: newest.takenAt, detail: "the newest reading has no humidity")
        case .failed(.range):
            return SensorCondition(.failing, since: newest.takenAt, detail: "the newest reading is impossible for air: not used")
        case .failed(.heated):
            return SensorCondition(.failing, since: newest.takenAt, detail: "the part's heater is on: switch it off, its readings are not used")
        case .failed(.spike), .passed:
            if newest.flags.contains(.flat) { return SensorCondition(.flat, since: spellStart, detail: "the same value since then") }
            if newest.flags.contains(.saturated) {
                return SensorCondition(.saturated, since: spellStart, detail: "at an end of the sensor's range since then")
            }
            return .ok
        }
    }
}

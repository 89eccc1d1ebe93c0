package import Measures
internal import Observing
internal import Synchronization

/// The newest readings of each sensor of this run, committed or not, and why a sensor cannot be read now.
package final class NewestReadings: Sendable {
    package struct Entry: Sendable {
        package var newest: Reading?  // as the sensor said it
        package var good: Reading?  // the newest that passed quality control
        package var previousAt: Instant?  // of the reading before the newest
        package var failure: SensorCondition?
    }

    private let entries = Mutex<[SensorName: Entry]>([:])

    package init() {}

    /// - Parameters:
    ///   - said: the reading as stored, before calibration. An older reading does not replace a newer one.
    ///   - corrected: the calibrated reading, for quality control only; `nil`: quality control judges `said`.
    func put(_ said: Reading, corrected: Reading? = nil, of sensor: SensorName) {
        let isGood = if case .passed = QualityControl.judge(corrected ?? said) { true } else { false }
        entries.withLock { entries in
            var entry = entries[sensor] ?? Entry()
            if entry.newest.map({ $0.takenAt < said.takenAt }) ?? true {
                entry.previousAt = entry.newest?.takenAt
                entry.newest = said
            }
            if isGood, entry.good.map({ $0.takenAt < said.takenAt }) ?? true { entry.good = said }
            entries[sensor] = entry
        }
    }

    func failed(_ sensor: SensorName, _ condition: SensorCondition) { entries.withLock { $0[sensor, default: Entry()].failure = condition } }
    func recovered(_ sensor: SensorName) { entries.withLock { $0[sensor]?.failure = nil } }

    package func of(_ sensor: SensorName) -> Entry? { entries.withLock { $0[sensor] } }
}

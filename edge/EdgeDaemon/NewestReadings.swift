package import Measures
internal import Observing
internal import Synchronization

/// The newest readings of each sensor of this run, committed or not, and why a sensor cannot be read now.
package final class NewestReadings: Sendable {
    package struct Entry: Sendable {
        package var newest: Reading?  // as the sensor said it
        package var good: Reading?  // the newest that passed quality control
        package var measuredAt: Instant?  // of the newest reading that is no repeat
        package var previousAt: Instant?  // of the one before that
        package var failure: SensorCondition?
    }

    private let entries = Mutex<[SensorName: Entry]>([:])

    package init() {}

    /// Takes readings in the order of their arrival, which a clock that is set back does not change.
    /// - Parameter said: the reading as stored, before calibration; quality control judges the good one again when it is shown.
    func put(_ said: Reading, of sensor: SensorName) {
        let isGood = if case .passed = QualityControl.judge(said) { true } else { false }
        entries.withLock { entries in
            var entry = entries[sensor] ?? Entry()
            // A repeat within a burst tells nothing of the sensor's pace.
            if !said.flags.contains(.cached) { entry.previousAt = entry.measuredAt }
            if !said.flags.contains(.cached) { entry.measuredAt = said.takenAt }
            entry.newest = said
            if isGood { entry.good = said }
            entries[sensor] = entry
        }
    }

    func failed(_ sensor: SensorName, _ condition: SensorCondition) { entries.withLock { $0[sensor, default: Entry()].failure = condition } }
    func recovered(_ sensor: SensorName) { entries.withLock { $0[sensor]?.failure = nil } }

    package func of(_ sensor: SensorName) -> Entry? { entries.withLock { $0[sensor] } }
}

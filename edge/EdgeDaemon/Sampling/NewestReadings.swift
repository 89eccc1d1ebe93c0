package import Measures
internal import Observing
internal import Synchronization

/// The newest readings of each sensor in this run, committed or pending, and why a sensor cannot be read now.
package final class NewestReadings: Sendable {
    package struct Entry: Sendable {
        package var newest: Reading?  // uncalibrated
        package var newestPassed: Reading?  // the newest reading that passed quality control
        package var measuredAt: Instant?  // time of the newest reading that is not a repeat
        package var previousAt: Instant?  // time of the reading before `measuredAt` that is not a repeat
        package var failure: SensorCondition?
    }

    private let entries = Mutex<[SensorName: Entry]>([:])

    package init() {}

    /// Call in the order of arrival, not of time: after the clock is set back, newer readings have earlier times.
    /// - Parameter reading: uncalibrated. `SensorStatuses` checks the quality again after calibration.
    func add(_ reading: Reading, of sensor: SensorName) {
        let isGood = if case .passed = QualityControl.check(reading) { true } else { false }
        entries.withLock { entries in
            var entry = entries[sensor] ?? Entry()
            // A repeated reading says nothing about the time between measurements.
            if !reading.flags.contains(.cached) { entry.previousAt = entry.measuredAt }
            if !reading.flags.contains(.cached) { entry.measuredAt = reading.takenAt }
            entry.newest = reading
            if isGood { entry.newestPassed = reading }
            entries[sensor] = entry
        }
    }

    func failed(_ sensor: SensorName, _ condition: SensorCondition) { entries.withLock { $0[sensor, default: Entry()].failure = condition } }
    func recovered(_ sensor: SensorName) { entries.withLock { $0[sensor]?.failure = nil } }

    package func of(_ sensor: SensorName) -> Entry? { entries.withLock { $0[sensor] } }
}

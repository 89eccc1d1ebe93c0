/// A change of a sensor's name: readings taken under the old name before `until` belong to the series of the new name.
///
/// Later readings under the old name belong to another sensor.
package struct SensorRename: Sendable, Hashable {
    package var sensor: SensorName  // the old name
    package var name: SensorName  // the new name
    package var until: Instant  // the end of the readings under the old name, exclusive
    package var enteredAt: Instant  // when the rename was entered; earlier calibrations of the old name apply to the new name too

    package init(sensor: SensorName, name: SensorName, until: Instant, enteredAt: Instant) {
        self.sensor = sensor
        self.name = name
        self.until = until
        self.enteredAt = enteredAt
    }

    package var isValid: Bool { sensor != name && Instant.valid.contains(until) && Instant.valid.contains(enteredAt) }
}

extension [SensorRename] {
    /// Sorted by `enteredAt`, without duplicates. Rows of different epochs can arrive in another order. Of renames that differ only in `until`, the
    /// earliest `until` applies.
    package func sortedByEntry() -> Self {
        var known: Set<SensorRename> = []
        return sorted { ($0.enteredAt, $0.until) < ($1.enteredAt, $1.until) }.filter { rename in
            var withoutEnd = rename
            withoutEnd.until = Instant(ms: 0)
            return known.insert(withoutEnd).inserted
        }
    }

    /// The series that a reading belongs to.
    /// - Parameter self: sorted by `sortedByEntry()`.
    package func series(of sensor: SensorName, at takenAt: Instant) -> SensorName {
        reduce(sensor) { $0 == $1.sensor && takenAt < $1.until ? $1.name : $0 }
    }

    /// The calibration under the current name of its sensor's series.
    /// - Parameter self: sorted by `sortedByEntry()`.
    package func renamed(_ calibration: Calibration) -> Calibration {
        var calibration = calibration
        for rename in self where rename.sensor == calibration.sensor && rename.enteredAt > calibration.enteredAt { calibration.sensor = rename.name }
        return calibration
    }
}

/// A sensor that goes by another name: what it said under the old one before an instant belongs to the series of the new one. Later
/// readings under the old name are another sensor's.
package struct SensorRename: Sendable, Hashable {
    package var sensor: SensorName  // as it was called
    package var name: SensorName  // as it is called
    package var until: Instant  // of the readings under the old name, exclusive
    package var saidAt: Instant  // what was said of the old name before is about the new one too

    package init(sensor: SensorName, name: SensorName, until: Instant, saidAt: Instant) {
        self.sensor = sensor
        self.name = name
        self.until = until
        self.saidAt = saidAt
    }

    package var isValid: Bool { sensor != name && Instant.valid.contains(until) && Instant.valid.contains(saidAt) }
}

extension [SensorRename] {
    /// In the order in which they were said, each once: rows of another epoch may come in another one. Of one that was said again the
    /// first counts.
    package func ordered() -> Self {
        var known: Set<SensorRename> = []
        return sorted { ($0.saidAt, $0.until) < ($1.saidAt, $1.until) }.filter { rename in
            var withoutEnd = rename
            withoutEnd.until = Instant(ms: 0)
            return known.insert(withoutEnd).inserted
        }
    }

    /// The series that a reading belongs to.
    /// - Parameter self: ordered.
    package func series(of sensor: SensorName, at takenAt: Instant) -> SensorName {
        reduce(sensor) { $0 == $1.sensor && takenAt < $1.until ? $1.name : $0 }
    }

    /// The same calibration, of the series that its sensor's readings belong to now.
    /// - Parameter self: ordered.
    package func renamed(_ calibration: Calibration) -> Calibration {
        var calibration = calibration
        for rename in self where rename.sensor == calibration.sensor && rename.saidAt > calibration.saidAt { calibration.sensor = rename.name }
        return calibration
    }
}

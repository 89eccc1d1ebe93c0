package import Measures
internal import Observing

/// All corrections of readings after they were taken: clock corrections, calibrations, sensor renames. Readings in the log stay unchanged.
package struct Corrections: Sendable {
    package private(set) var clock: [ClockCorrection] = []  // in the order of the log
    package private(set) var calibrations: [Calibration] = []  // ordered; under the sensors' current names
    package private(set) var renames: [SensorRename] = []  // ordered

    init(clock: [ClockCorrection], calibrations: [Calibration], renames: [SensorRename]) {
        self.clock = clock
        self.renames = renames.sortedByEntry()
        self.calibrations = calibrations.map { [renames = self.renames] in renames.renamed($0) }.sortedByEntry()
    }

    /// Applies a record. Call as soon as the record is in the log, committed or pending.
    mutating func apply(_ record: Record) {
        switch record {
        case .clockCorrection(let correction): clock.append(correction)
        case .calibration(let calibration): calibrations = (calibrations + [renames.renamed(calibration)]).sortedByEntry()
        case .rename(let rename): renames = (renames + [rename]).sortedByEntry()
        case .hole, .sensor: break
        }
    }

    package func withCorrectedTime(_ reading: Reading) -> Reading {
        guard !clock.isEmpty else { return reading }
        var reading = reading
        reading.takenAt = clock.takenAt(reading)
        return reading
    }

    package func calibrated(_ reading: Reading, of sensor: SensorName) -> Reading { calibrations.corrected(reading, of: sensor) }

    /// Whether a reading passes quality control after calibration.
    func isGood(_ reading: Reading, of sensor: SensorName) -> Bool {
        if case .passed = QualityControl.check(calibrated(reading, of: sensor)) { true } else { false }
    }

    /// The sensor of a calibration, by its current name.
    package func sensor(of calibration: Calibration) -> SensorName { renames.renamed(calibration).sensor }

    package func contains(_ calibration: Calibration) -> Bool { calibrations.contains(renames.renamed(calibration)) }

    package func containsRename(of sensor: SensorName, to name: SensorName, enteredAt: Instant) -> Bool {
        renames.contains { $0.sensor == sensor && $0.name == name && $0.enteredAt == enteredAt }
    }

    /// The ids under which a sensor's readings may be stored, each with its name: the sensor's own id and those of its earlier names.
    func sourceIDs(of sensor: Int64, _ sensors: SensorTable) -> [Int64: SensorName] {
        guard let name = sensors.name(of: sensor) else { return [:] }
        var names: Set<SensorName> = [name]
        for rename in renames.reversed() where names.contains(rename.name) { names.insert(rename.sensor) }
        return Dictionary(names.compactMap { name in sensors.ids[name].map { ($0, name) } }) { first, _ in first }
    }
}

internal import Measures

/// What a device has said later of its earlier readings: their true times, how its sensors err, what they are called now.
struct Amendments: Sendable, Equatable {
    let corrections: [ClockCorrection]  // in the order of the log
    let calibrations: [Calibration]  // as they were said, by the names that sensors have now
    let renames: [SensorRename]

    /// - Parameters: in the order of the log.
    init(corrections: [ClockCorrection], calibrations: [Calibration], renames: [SensorRename]) {
        let renames = renames.ordered()
        self.corrections = corrections
        self.renames = renames
        self.calibrations = calibrations.ordered().map { renames.renamed($0) }
    }

    static func amends(_ record: Record) -> Bool {
        switch record {
        case .clockCorrection, .calibration, .rename: true
        case .hole, .sensor: false
        }
    }

    /// The reading as it is known to have been, and the series that it belongs to.
    func amended(_ reading: Reading, of sensor: SensorName) -> (series: SensorName, reading: Reading) {
        var reading = reading
        if !corrections.isEmpty { reading.takenAt = corrections.takenAt(reading) }
        let series = renames.isEmpty ? sensor : renames.series(of: sensor, at: reading.takenAt)
        return (series, calibrations.isEmpty ? reading : calibrations.corrected(reading, of: series))
    }
}

internal import Measures

/// What a device has said later of its earlier readings: their true times, and how its sensors err. In the order of its log.
struct Amendments: Sendable {
    var corrections: [ClockCorrection] = []
    var calibrations: [Calibration] = []

    static func amends(_ record: Record) -> Bool {
        switch record {
        case .clockCorrection, .calibration: true
        case .hole, .sensor: false
        }
    }

    /// The reading as it is known to have been.
    func amended(_ reading: Reading, of sensor: SensorName) -> Reading {
        if corrections.isEmpty, calibrations.isEmpty { return reading }
        var reading = reading
        reading.takenAt = corrections.takenAt(reading)
        return calibrations.corrected(reading, of: sensor)
    }
}

/// A row of a device's log that is no reading. It has a sequence of its own and is delivered like one.
package enum Record: Sendable, Hashable {
    case hole(Hole)
    case clockCorrection(ClockCorrection)
    case sensor(SensorRecord)
    case calibration(Calibration)
    case rename(SensorRename)
}

/// A recorded absence of readings.
package struct Hole: Sendable, Hashable {
    package enum Reason: UInt8, Sendable, CaseIterable {
        case sensorError = 1
        case evictedByAge = 2
        case evictedBySize = 3
        case storeRepaired = 4
        case notSampled = 5  // the host was suspended, or the program stopped by a signal

        package var name: String {
            switch self {
            case .sensorError: "sensor_error"
            case .evictedByAge: "evicted_by_age"
            case .evictedBySize: "evicted_by_size"
            case .storeRepaired: "store_repaired"
            case .notSampled: "not_sampled"
            }
        }
        package init?(name: String) {
            guard let reason = Self.allCases.first(where: { $0.name == name }) else { return nil }
            self = reason
        }
    }

    package var sensor: SensorName?  // nil: of the whole device
    package var reason: Reason
    package var from: Instant
    package var to: Instant
    package var count: Int64  // readings missed or evicted
    package var sequences: ClosedRange<Int64>?  // what will never be sent
    package var epoch: Epoch?  // that of the sequences; nil: the hole's own

    package init(
        sensor: SensorName?, reason: Reason, from: Instant, to: Instant, count: Int64,
        sequences: ClosedRange<Int64>? = nil, epoch: Epoch? = nil
    ) {
        self.epoch = sequences == nil ? nil : epoch
        self.sensor = sensor
        self.reason = reason
        self.from = from
        self.to = to
        self.count = count
        self.sequences = sequences
    }
}

/// When readings really were taken whose clock was wrong: those of one start of the host, by the time since that start, which
/// never jumps. Of several corrections of a reading the last one in the log counts.
package struct ClockCorrection: Sendable, Hashable {
    package var boot: UInt32
    package var boottimeMs: ClosedRange<Int64>  // of the readings it is about
    package var offset: Duration  // true time = boot time + offset

    package init(boot: UInt32, boottimeMs: ClosedRange<Int64>, offset: Duration) {
        self.boot = boot
        self.boottimeMs = boottimeMs
        self.offset = offset
    }

    /// `nil` where the reading is not one of those that it corrects.
    package func trueTime(of reading: Reading) -> Instant? {
        guard reading.hasHostClock, reading.boot == boot, boottimeMs.contains(reading.boottimeMs) else { return nil }
        return Instant(ms: reading.boottimeMs + offset.ms)
    }
}

extension [ClockCorrection] {
    /// - Parameter self: in the order of the log.
    package func takenAt(_ reading: Reading) -> Instant {
        for correction in reversed() { if let instant = correction.trueTime(of: reading) { return instant } }
        return reading.takenAt
    }
}

/// What a sensor is from here on in the log; a later record of the same sensor replaces it.
package struct SensorRecord: Sendable, Hashable {
    /// Of the two time grids there are.
    package static let steps: [Duration] = [.seconds(600), .seconds(3_600)]
    package static let textLimit = 128  // bytes of kind, driver and serial; a place may have 256

    package var sensor: SensorName
    package var kind: String  // hwmon, iio, replay, simulated, …
    package var driver: String  // what the kernel or the recording calls it; empty when unknown
    package var serial: String
    package var place: String
    package var step: Duration  // of its time grid
    package var offsetMpct: Int32  // of the format's first version, 0 and a million: calibrations are records of their own
    package var gainPpm: Int32

    package init(
        sensor: SensorName, kind: String, driver: String = "", serial: String = "", place: String = "",
        step: Duration, offsetMpct: Int32 = 0, gainPpm: Int32 = 1_000_000
    ) {
        self.sensor = sensor
        self.kind = SensorRecord.cut(kind, Self.textLimit)
        self.driver = SensorRecord.cut(driver, Self.textLimit)
        self.serial = SensorRecord.cut(serial, Self.textLimit)
        self.place = SensorRecord.cut(place, 2 * Self.textLimit)
        self.step = step
        self.offsetMpct = offsetMpct
        self.gainPpm = gainPpm
    }

    /// At most so many bytes, whole characters.
    private static func cut(_ text: String, _ limit: Int) -> String {
        var text = text
        while text.utf8.count > limit { text.removeLast() }
        return text
    }
}

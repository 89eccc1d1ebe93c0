/// A row of a device's log that is not a reading. A record has its own sequence and is delivered like a reading.
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
        case notSampled = 5  // the host was suspended, or a signal stopped the program

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

    package var sensor: SensorName?  // nil: the whole device
    package var reason: Reason
    package var from: Instant
    package var to: Instant
    package var count: Int64  // readings missed or evicted
    package var sequences: ClosedRange<Int64>?  // the rows that the device will never send
    package var epoch: Epoch?  // the epoch of `sequences`; nil: the epoch of the hole itself

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

/// The true time of readings taken with a wrong clock: all readings of one start of the host in a range of boot times.
///
/// The boot time never jumps. If several corrections cover a reading, the last one in the log applies.
package struct ClockCorrection: Sendable, Hashable {
    package var boot: UInt32
    package var boottimeMs: ClosedRange<Int64>  // the readings that this correction covers
    package var offset: Duration  // true time = boot time + offset

    package init(boot: UInt32, boottimeMs: ClosedRange<Int64>, offset: Duration) {
        self.boot = boot
        self.boottimeMs = boottimeMs
        self.offset = offset
    }

    /// - Returns: `nil` if this correction does not cover the reading.
    package func trueTime(of reading: Reading) -> Instant? {
        guard reading.hasHostClock, reading.boot == boot, boottimeMs.contains(reading.boottimeMs) else { return nil }
        return Instant(ms: reading.boottimeMs + offset.ms)
    }
}

extension [ClockCorrection] {
    /// The reading's corrected time, or its own time if no correction covers it.
    /// - Parameter self: in the order of the log.
    package func takenAt(_ reading: Reading) -> Instant {
        for correction in reversed() { if let instant = correction.trueTime(of: reading) { return instant } }
        return reading.takenAt
    }
}

/// A sensor's description from this row of the log on; a later record of the same sensor replaces it.
package struct SensorRecord: Sendable, Hashable {
    /// The steps of the two time grids.
    package static let steps: [Duration] = [.seconds(600), .seconds(3_600)]
    package static let textLimit = 128  // bytes of kind, driver and serial; `place` has twice this limit

    package var sensor: SensorName
    package var kind: String  // hwmon, iio, replay, simulated, …
    package var driver: String  // the name from the kernel or the recording; empty if unknown
    package var serial: String
    package var place: String
    package var step: Duration  // of its time grid
    package var offsetMpct: Int32  // unused: always 0, and `gainPpm` always 1,000,000, because calibrations are separate records
    package var gainPpm: Int32

    package init(
        sensor: SensorName, kind: String, driver: String = "", serial: String = "", place: String = "",
        step: Duration, offsetMpct: Int32 = 0, gainPpm: Int32 = 1_000_000
    ) {
        self.sensor = sensor
        self.kind = SensorRecord.truncated(kind, Self.textLimit)
        self.driver = SensorRecord.truncated(driver, Self.textLimit)
        self.serial = SensorRecord.truncated(serial, Self.textLimit)
        self.place = SensorRecord.truncated(place, 2 * Self.textLimit)
        self.step = step
        self.offsetMpct = offsetMpct
        self.gainPpm = gainPpm
    }

    /// The longest prefix of whole characters with at most `limit` bytes.
    private static func truncated(_ text: String, _ limit: Int) -> String {
        var text = text
        while text.utf8.count > limit { text.removeLast() }
        return text
    }
}

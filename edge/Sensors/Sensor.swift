package import Measures

/// Something that says how humid it is. It lives on an executor of its own where its calls block.
package protocol Sensor: Actor {
    /// What it is, for its record in the log.
    nonisolated var identity: SensorIdentity { get }

    /// The next thing it says.
    ///
    /// - Returns: `nil` when a recording has ended.
    /// - Throws: `SensorError`; the sampler tries again later.
    func read() async throws -> Sample?

    /// Ends what it started, at once; it will not be asked again.
    nonisolated func stop()
}

extension Sensor {
    package nonisolated func stop() {}
}

/// Who sets the time of a sensor's readings.
package enum SensorPace: Sendable {
    case asked  // whoever reads it
    case recorded  // a recording's own times
    case spoken  // the sensor: it is waited for
}

package struct SensorIdentity: Sendable, Equatable {
    package var kind: String
    package var driver: String
    package var serial: String
    package var spacing: Duration?  // of a recording's rows; nil: as often as it is asked
    package var startsAt: Instant?  // of a recording
    package var pace: SensorPace
    package var patience: Duration  // after which a read that has not returned counts as failed

    package init(
        kind: String, driver: String = "", serial: String = "", spacing: Duration? = nil, startsAt: Instant? = nil, pace: SensorPace = .asked,
        patience: Duration = .seconds(30)
    ) {
        self.kind = kind
        self.driver = driver
        self.serial = serial
        self.spacing = spacing
        self.startsAt = startsAt
        self.pace = pace
        self.patience = patience
    }
}

/// What a sensor said, before it is a reading: without clock and identity.
package struct Sample: Sendable, Equatable {
    package var humidityMpct: Int32?
    package var temperatureMc: Int32?
    package var pressurePa: Int32?
    package var flags: ReadingFlags
    package var takenAt: Instant?  // of a recording; nil: now
    package var remark: String?  // what stood beside the humidity and could not be taken

    package init(
        humidityMpct: Int32?, temperatureMc: Int32? = nil, pressurePa: Int32? = nil, flags: ReadingFlags = [], takenAt: Instant? = nil,
        remark: String? = nil
    ) {
        self.remark = remark
        self.humidityMpct = humidityMpct
        self.temperatureMc = temperatureMc
        self.pressurePa = pressurePa
        self.flags = flags
        self.takenAt = takenAt
    }
}

/// A sensor could not be read, or said nonsense.
package struct SensorError: Error, Equatable, CustomStringConvertible {
    package let description: String
    package let isPassing: Bool  // normal for the part: the next try may succeed
    package let isFinal: Bool  // of a recording that cannot be read on: it is not asked again

    package init(_ description: String, isPassing: Bool = false, isFinal: Bool = false) {
        self.description = description
        self.isPassing = isPassing
        self.isFinal = isFinal
    }
}

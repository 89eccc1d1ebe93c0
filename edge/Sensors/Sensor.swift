package import Measures

/// A source of humidity readings. A sensor with blocking calls has its own executor.
package protocol Sensor: Actor {
    /// Identity of the sensor, for its record in the log.
    nonisolated var identity: SensorIdentity { get }

    /// The next sample.
    ///
    /// - Returns: `nil` when a recording has ended.
    /// - Throws: `SensorError`; the sampler retries later.
    func read() async throws -> Sample?

    /// Ends everything that the sensor started, at once. `read` is not called again.
    nonisolated func stop()
}

extension Sensor {
    package nonisolated func stop() {}
}

/// The source of a sensor's timing.
package enum SensorPace: Sendable {
    case polled  // the caller: each call of `read` takes a reading
    case recorded  // the recording: each row has its own time
    case selfPaced  // the sensor: `read` waits until the sensor sends a reading
}

package struct SensorIdentity: Sendable, Equatable {
    package var kind: String
    package var driver: String
    package var serial: String
    package var spacing: Duration?  // spacing of a recording's rows; nil: the sample period
    package var startsAt: Instant?  // start of a recording
    package var pace: SensorPace
    package var readTimeout: Duration  // time limit of one read

    package init(
        kind: String, driver: String = "", serial: String = "", spacing: Duration? = nil, startsAt: Instant? = nil, pace: SensorPace = .polled,
        readTimeout: Duration = .seconds(30)
    ) {
        self.kind = kind
        self.driver = driver
        self.serial = serial
        self.spacing = spacing
        self.startsAt = startsAt
        self.pace = pace
        self.readTimeout = readTimeout
    }
}

/// One measurement of a sensor, without clock quality and sensor name.
package struct Sample: Sendable, Equatable {
    package var humidityMpct: Int32?
    package var temperatureMc: Int32?
    package var pressurePa: Int32?
    package var flags: ReadingFlags
    package var takenAt: Instant?  // the time in a recording; nil: now
    package var droppedValueNote: String?  // the temperature or pressure that was discarded, and why

    package init(
        humidityMpct: Int32?, temperatureMc: Int32? = nil, pressurePa: Int32? = nil, flags: ReadingFlags = [], takenAt: Instant? = nil,
        droppedValueNote: String? = nil
    ) {
        self.droppedValueNote = droppedValueNote
        self.humidityMpct = humidityMpct
        self.temperatureMc = temperatureMc
        self.pressurePa = pressurePa
        self.flags = flags
        self.takenAt = takenAt
    }
}

/// A sensor could not be read, or returned an invalid value.
package struct SensorError: Error, Equatable, CustomStringConvertible {
    package let description: String
    package let isTransient: Bool  // normal for the part: the next read may succeed
    package let isFinal: Bool  // the recording cannot be read any further: no retry

    package init(_ description: String, isTransient: Bool = false, isFinal: Bool = false) {
        self.description = description
        self.isTransient = isTransient
        self.isFinal = isFinal
    }
}

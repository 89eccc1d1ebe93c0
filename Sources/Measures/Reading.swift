/// One measurement of one sensor at one instant, before quality control and calibration.
package struct Reading: Sendable, Hashable {
    package var takenAt: Instant
    package var humidityMpct: Int32?  // as reported by the sensor: 250 % is stored, with the flag `impossible`
    package var temperatureMc: Int32?
    package var pressurePa: Int32?
    package var flags: ReadingFlags
    package var clock: ClockQuality
    package var boot: UInt32  // identifies the start of the host; only `boottimeMs` values with the same `boot` are comparable
    package var boottimeMs: Int64  // since the host's start, including suspend; never jumps

    package init(
        takenAt: Instant, humidityMpct: Int32?, temperatureMc: Int32? = nil, pressurePa: Int32? = nil,
        flags: ReadingFlags = [], clock: ClockQuality = .synchronised, boot: UInt32 = 0, boottimeMs: Int64 = 0
    ) {
        self.takenAt = takenAt
        self.humidityMpct = humidityMpct
        self.temperatureMc = temperatureMc
        self.pressurePa = pressurePa
        self.flags = flags
        self.clock = clock
        self.boot = boot
        self.boottimeMs = boottimeMs
    }
}

extension Reading {
    /// Whether `takenAt` comes from the host's clock. A replayed or imported reading has its own time: clock corrections do not apply to it.
    package var hasHostClock: Bool { boot != 0 && !flags.contains(.replayed) }
}

/// Facts about a reading, from the driver and from quality control. Bits are part of the wire format: never reuse one.
package struct ReadingFlags: OptionSet, Sendable, Hashable {
    package let rawValue: UInt16
    package init(rawValue: UInt16) { self.rawValue = rawValue }

    package static let impossible = ReadingFlags(rawValue: 1 << 0)  // not a possible value of air
    /// Limited to 0 to 100 % by the driver, or to be limited later: a linear output exceeds this range.
    package static let clamped = ReadingFlags(rawValue: 1 << 1)
    package static let cached = ReadingFlags(rawValue: 1 << 2)  // a copy of the driver's last conversion
    package static let unchecked = ReadingFlags(rawValue: 1 << 3)  // the chip provides a checksum, the driver does not verify it
    package static let simulated = ReadingFlags(rawValue: 1 << 4)
    package static let replayed = ReadingFlags(rawValue: 1 << 5)
    // Quality control sets the flags below by comparison with earlier readings.
    package static let saturated = ReadingFlags(rawValue: 1 << 6)  // at or outside the limits of 0 to 100 %
    package static let jumped = ReadingFlags(rawValue: 1 << 7)  // changed faster than air humidity normally changes
    package static let flat = ReadingFlags(rawValue: 1 << 8)  // unchanged for longer than is usual at this resolution
    package static let spike = ReadingFlags(rawValue: 1 << 9)  // jumped and returned at the next reading: not part of an observation
    package static let heated = ReadingFlags(rawValue: 1 << 10)  // the heater was on: warmer and drier than the air; not part of an observation

    private static let named: [(flag: ReadingFlags, name: String)] = [
        (.impossible, "impossible"), (.clamped, "clamped"), (.cached, "cached"), (.unchecked, "unchecked"), (.simulated, "simulated"),
        (.replayed, "replayed"), (.saturated, "saturated"), (.jumped, "jumped"), (.flat, "flat"), (.spike, "spike"), (.heated, "heated"),
    ]
    /// The names of the set flags, for users and for JSON.
    package var names: [String] { ReadingFlags.named.filter { contains($0.flag) }.map(\.name) }
}

/// How reliable the time of a reading is.
package enum ClockQuality: UInt8, Sendable, Hashable, CaseIterable {
    case synchronised = 0
    case holdover = 1  // not synchronised now, but the time is plausible
    case unknown = 2  // the clock was never set

    package var name: String {
        switch self {
        case .synchronised: "synchronised"
        case .holdover: "holdover"
        case .unknown: "unknown"
        }
    }
}

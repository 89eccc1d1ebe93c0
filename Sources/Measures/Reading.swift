/// What one sensor said at one instant, unjudged and before any calibration.
package struct Reading: Sendable, Hashable {
    package var takenAt: Instant
    package var humidityMpct: Int32?  // as the sensor said it: 250 % is kept, and flagged
    package var temperatureMc: Int32?
    package var pressurePa: Int32?
    package var flags: ReadingFlags
    package var clock: ClockQuality
    package var boot: UInt32  // which start of the host: tells which `boottimeMs` belong together
    package var boottimeMs: Int64  // since that start, suspend included; never jumps

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
    /// Whether the host's clock gave its time. A replayed or imported reading brings its own: no clock correction is about it.
    package var hasHostClock: Bool { boot != 0 && !flags.contains(.replayed) }
}

/// What the driver knew of a reading when it was taken. Bits are part of the wire format: never reuse one.
package struct ReadingFlags: OptionSet, Sendable, Hashable {
    package let rawValue: UInt16
    package init(rawValue: UInt16) { self.rawValue = rawValue }

    package static let impossible = ReadingFlags(rawValue: 1 << 0)  // outside what air can have
    /// Cut to 0 to 100 % by the driver, or to be cut: a linear output oversteps them.
    package static let clamped = ReadingFlags(rawValue: 1 << 1)
    package static let cached = ReadingFlags(rawValue: 1 << 2)  // a repeat of the driver's last conversion
    package static let unchecked = ReadingFlags(rawValue: 1 << 3)  // the chip offers a checksum, the driver has none
    package static let simulated = ReadingFlags(rawValue: 1 << 4)
    package static let replayed = ReadingFlags(rawValue: 1 << 5)
    // What quality control found beside the readings before.
    package static let saturated = ReadingFlags(rawValue: 1 << 6)  // at or beyond an end of 0 to 100 %
    package static let jumped = ReadingFlags(rawValue: 1 << 7)  // further than air goes in that time
    package static let flat = ReadingFlags(rawValue: 1 << 8)  // unchanged for longer than this resolution stays
    package static let spike = ReadingFlags(rawValue: 1 << 9)  // jumped away and came straight back: not observed
    package static let heated = ReadingFlags(rawValue: 1 << 10)  // the part's heater was on: warmer and drier than the air, not observed

    private static let named: [(flag: ReadingFlags, name: String)] = [
        (.impossible, "impossible"), (.clamped, "clamped"), (.cached, "cached"), (.unchecked, "unchecked"), (.simulated, "simulated"),
        (.replayed, "replayed"), (.saturated, "saturated"), (.jumped, "jumped"), (.flat, "flat"), (.spike, "spike"), (.heated, "heated"),
    ]
    /// For people and for JSON.
    package var names: [String] { ReadingFlags.named.filter { contains($0.flag) }.map(\.name) }
}

/// How far the time beside a reading can be trusted.
package enum ClockQuality: UInt8, Sendable, Hashable, CaseIterable {
    case synchronised = 0
    case holdover = 1
    case unknown = 2

    package var name: String {
        switch self {
        case .synchronised: "synchronised"
        case .holdover: "holdover"
        case .unknown: "unknown"
        }
    }
}

package import Measures

/// Finds suspicious readings by comparison with earlier readings, and flags them for users and for the cloud's monitoring.
///
/// A suspicious reading is still observed: ventilation changes humidity as suddenly as a loose wire, and fog is as constant as a dead chip.
///
/// The tests are those of QARTOD (U.S. IOOS, Manual for Real-Time Quality Control of In-situ Temperature and Salinity Data): rate of change, flat
/// line, and the ends of the range. A value type; constant time and memory.
package struct QualityTracking: Sendable, Equatable {
    private struct Last: Equatable {
        let mpct: Int32
        let at: Instant
    }

    private var last: Last?
    private var flatSince: Instant?
    private var flatCount = 0
    private var wasFlatBeforeRestart = false  // the last value before the restart had the flag `flat`
    private var resolution: Int32?  // the smallest change seen, in thousandths of a percent

    /// A jump is a change of more than `jump` plus `jumpPerSecond` for each second since the previous reading; in thousandths of a percent.
    static let jump: Int32 = 10_000
    static let jumpPerSecond: Int32 = 500
    static let minimumFlatReadings = 12

    package init() {}

    /// Resumes after a restart.
    /// - Parameters:
    ///   - mpct: the last value, as reported by the sensor.
    ///   - flatSince: since when the value has not changed.
    ///   - isFlagged: whether the last value had the flag `flat`: if so, equal values get the flag until the value changes.
    package init(last mpct: Int32, at instant: Instant, flatSince: Instant, isFlagged: Bool) {
        wasFlatBeforeRestart = isFlagged
        last = Last(mpct: mpct, at: instant)
        (self.flatSince, flatCount) = (flatSince, Self.minimumFlatReadings)
    }

    /// How long the value of a sensor with this resolution can stay constant: a sensor that shows noise changes within the hour, a sensor with a
    /// resolution of whole percent stays constant for days in a still room.
    static func maximumFlatDuration(resolution: Int32?) -> Duration {
        guard let resolution else { return .seconds(24 * 3_600) }
        return .seconds(resolution <= 100 ? 3 * 3_600 : resolution < 1_000 ? 24 * 3_600 : 72 * 3_600)
    }

    /// - Returns: the flags to add to the driver's flags of this reading.
    package mutating func flags(of mpct: Int32, at instant: Instant) -> ReadingFlags {
        var flags: ReadingFlags = []
        if mpct <= 0 || mpct >= 100_000 { flags.insert(.saturated) }
        defer { last = Last(mpct: mpct, at: instant) }
        guard let last, instant > last.at else { return flags }
        let step = (Int64(mpct) - Int64(last.mpct)).magnitude
        let seconds = Int64((instant - last.at).ms / 1_000)
        if step > UInt64(Self.jump) + UInt64(min(seconds, 1_000)) * UInt64(Self.jumpPerSecond) { flags.insert(.jumped) }
        if step == 0 {
            flatSince = flatSince ?? last.at
            flatCount += 1
            if wasFlatBeforeRestart { flags.insert(.flat) }
            if let flatSince, flatCount >= Self.minimumFlatReadings, instant - flatSince >= Self.maximumFlatDuration(resolution: resolution) {
                flags.insert(.flat)
            }
        } else {
            (flatSince, flatCount, wasFlatBeforeRestart) = (nil, 0, false)
            resolution = min(resolution ?? .max, Int32(clamping: step))
        }
        return flags
    }
}

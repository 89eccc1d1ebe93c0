/// The values of a sensor that are accepted for air, which has 0 to 100 %; in thousandths of a percent. A value beyond them is
/// impossible: it is stored, and never observed.
package enum HumidityRange {
    /// Capacitive parts say up to 104 % for days in saturated air, by their own data sheets; some err a little more.
    package static let plausible: ClosedRange<Int32> = -1_000...110_000
    /// A part with a linear output oversteps by up to a sixth, and its data sheet says to cut that.
    package static let linear: ClosedRange<Int32> = -10_000...125_000

    package static func of(_ flags: ReadingFlags) -> ClosedRange<Int32> { flags.contains(.clamped) ? linear : plausible }
}

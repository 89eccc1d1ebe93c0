/// The sensor values that are accepted as air humidity, in thousandths of a percent.
///
/// Air has 0 to 100 %. A value outside the range is impossible: the store keeps it, and no observation includes it.
package enum HumidityRange {
    /// Capacitive sensors report up to 104 % for days in saturated air, according to their data sheets. Some have a slightly larger error.
    package static let plausible: ClosedRange<Int32> = -1_000...110_000
    /// A sensor with a linear output exceeds 0 to 100 % by up to a sixth. Its data sheet says to limit the value to 0 to 100 %.
    package static let linear: ClosedRange<Int32> = -10_000...125_000

    package static func of(_ flags: ReadingFlags) -> ClosedRange<Int32> { flags.contains(.clamped) ? linear : plausible }
}

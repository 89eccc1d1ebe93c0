package import Measures

/// Detects repeats within a burst: radio sensors transmit each measurement several times, and a logger records every copy.
///
/// The caller stores a repeat with the flag `cached`; means and the flat-line check leave out readings with this flag. Each call takes constant time.
package struct BurstFilter: Sendable {
    /// The longest duration of a burst: a later equal reading is a new measurement.
    package static let maximumDuration: Duration = .seconds(2)

    private var first: Reading?  // the first reading of the newest burst

    package init() {}

    package mutating func isRepeat(_ reading: Reading) -> Bool {
        if let first, reading.humidityMpct == first.humidityMpct, reading.temperatureMc == first.temperatureMc,
            reading.pressurePa == first.pressurePa, reading.takenAt >= first.takenAt, reading.takenAt - first.takenAt <= BurstFilter.maximumDuration
        {
            return true
        }
        first = reading
        return false
    }
}

package import Measures

/// Detects repeats within a burst: radio sensors transmit each measurement several times, and a logger records every copy.
///
/// A repeat is stored with the flag `cached`. Means and the search for flat lines skip repeats. The filter is a value with constant time and memory.
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

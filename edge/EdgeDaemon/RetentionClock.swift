internal import Measures
internal import Runtime

/// The current time for retention. If the clock is not synchronised, the time advances by the elapsed time only, so that a clock jump does
/// not delete readings.
struct RetentionClock: Sendable {
    private var last: (now: Instant, boottimeMs: Int64)?

    /// - Parameter newest: time of the newest stored reading. At the start, the time of an unsynchronised clock is limited to one day after
    ///   this reading.
    mutating func now(_ stamp: HostClock.ClockSample, newest: Instant?) -> Instant {
        var now = stamp.takenAt
        if stamp.quality != .synchronised {
            if let last {
                now = min(now, last.now + .milliseconds(stamp.boottimeMs - last.boottimeMs))
            } else if let newest {
                now = min(now, newest + .seconds(86_400))
            }
        }
        last = (now, stamp.boottimeMs)
        return now
    }
}

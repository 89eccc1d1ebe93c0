internal import Measures
internal import Runtime

/// The time by which readings grow old: a clock that nobody vouches for ages them by the time that has passed, not by a jump.
struct RetentionAge: Sendable {
    private var last: (now: Instant, boottimeMs: Int64)?

    /// - Parameter newest: of the readings in the store: no more than a day is taken to have passed since.
    mutating func now(_ stamp: HostClock.Stamp, newest: Instant?) -> Instant {
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

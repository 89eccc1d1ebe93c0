/// A point in time: whole milliseconds since 1970-01-01T00:00:00Z, without leap seconds.
package struct Instant: Sendable, Hashable, Comparable {
    package let ms: Int64

    package init(ms: Int64) { self.ms = ms }

    package static func < (a: Instant, b: Instant) -> Bool { a.ms < b.ms }
    package static func + (a: Instant, b: Duration) -> Instant { Instant(ms: a.ms &+ b.ms) }
    package static func - (a: Instant, b: Duration) -> Instant { Instant(ms: a.ms &- b.ms) }
    package static func - (a: Instant, b: Instant) -> Duration { .milliseconds(a.ms &- b.ms) }

    /// The range accepted from devices: from 1970 to the end of 2199. A time outside is an error. Sums of times inside cannot overflow.
    package static let valid = Instant(ms: 0)...Instant(ms: 7_258_118_400_000)

    /// 2000-02-01. Clocks that were never set start at 1970, 1980 or the first day of 2000: the true time of an earlier reading is unknown. The
    /// store keeps such a reading, but no observation includes it unless a clock correction supplies its true time.
    package static let earliestPlausible = Instant(ms: 949_363_200_000)
}

extension Duration {
    /// Whole milliseconds, rounded towards zero.
    package var ms: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1_000 + attoseconds / 1_000_000_000_000_000
    }

    package var wholeSeconds: Int64 { components.seconds }
}

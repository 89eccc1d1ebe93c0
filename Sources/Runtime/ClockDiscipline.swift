package import Measures

/// Computes the present time when the host's clock may be wrong. A value type: the result depends only on the arguments.
///
/// Within one start of the host, boot time never jumps: a change of the offset between wall clock and boot time is a jump of the wall clock. A
/// clock that the kernel reports as synchronised is trusted. An unsynchronised clock that jumps is trusted after it has kept its new offset for
/// 10 minutes; until then, time continues as if the clock had not jumped.
package struct ClockDiscipline: Sendable {
    /// Earlier than any run of this program: a board without a battery starts in 1970.
    package static let earliest = Instant(ms: 1_767_225_600_000)  // 2026-01-01

    private static let toleranceMs: Int64 = 2_000  // a smaller change is drift, not a jump
    private static let proofMs: Int64 = 600_000  // how long a new offset must last

    private var offsetMs: Int64?  // returned time minus boot time
    private var unsynchronisedSinceMs: Int64?  // boot time since which readings may need a correction; nil: synchronised
    private var hasBeenSynchronised = false
    private var pendingOffset: (offsetMs: Int64, sinceMs: Int64)?

    /// - Parameter last: a reading of this start of the host; time continues from its offset.
    package init(after last: Reading? = nil) {
        guard let last else { return }
        offsetMs = last.takenAt.ms - last.boottimeMs
        hasBeenSynchronised = last.clock == .synchronised
        unsynchronisedSinceMs = last.clock == .synchronised ? nil : 0
    }

    package struct Estimate: Sendable, Equatable {
        package var now: Instant
        package var quality: ClockQuality
        /// The true time of earlier readings: a range of boot times, and the offset to add to them.
        package var correction: Correction?
    }

    package struct Correction: Sendable, Equatable {
        package var boottimeMs: ClosedRange<Int64>
        package var offset: Duration
    }

    /// - Parameters:
    ///   - wall: the host's clock.
    ///   - boottimeMs: milliseconds since the host's start.
    ///   - isSynchronised: as reported by the kernel.
    package mutating func update(wall: Instant, boottimeMs: Int64, isSynchronised: Bool) -> Estimate {
        let shown = wall.ms - boottimeMs  // the wall clock's offset from boot time
        let isBelievable = wall > ClockDiscipline.earliest && wall <= Instant.valid.upperBound
        var correction: Correction?
        if let offsetMs, abs(shown - offsetMs) > ClockDiscipline.toleranceMs {
            if isSynchronised || (isBelievable && isConfirmed(shown, at: boottimeMs, against: offsetMs)) {
                if let since = unsynchronisedSinceMs, since < boottimeMs {
                    correction = Correction(boottimeMs: since...(boottimeMs - 1), offset: .milliseconds(shown))
                }
                adopt(shown)
            }
        } else {
            adopt(shown)
        }
        let offset = offsetMs ?? shown
        let now = Instant(ms: boottimeMs + offset)
        if isSynchronised {
            unsynchronisedSinceMs = nil
            hasBeenSynchronised = true
            return Estimate(now: now, quality: .synchronised, correction: correction)
        }
        unsynchronisedSinceMs = unsynchronisedSinceMs ?? boottimeMs
        return Estimate(now: now, quality: hasBeenSynchronised || now > ClockDiscipline.earliest ? .holdover : .unknown, correction: correction)
    }

    private mutating func adopt(_ shown: Int64) {
        offsetMs = shown
        pendingOffset = nil
    }

    /// Whether an unsynchronised time is trusted: immediately if the previous time was impossible, else after it has lasted.
    private mutating func isConfirmed(_ shown: Int64, at boottimeMs: Int64, against offsetMs: Int64) -> Bool {
        if !hasBeenSynchronised, boottimeMs + offsetMs <= ClockDiscipline.earliest.ms { return true }
        guard let pendingOffset, abs(pendingOffset.offsetMs - shown) <= ClockDiscipline.toleranceMs else {
            self.pendingOffset = (shown, boottimeMs)
            return false
        }
        return boottimeMs - pendingOffset.sinceMs >= ClockDiscipline.proofMs
    }
}

package import Measures

/// Decides what time it is when the host's clock cannot always be believed. A value: what it is shown is all it knows.
///
/// Within one start of the host the time since that start never jumps; the offset of the wall clock from it tells true jumps
/// from passing time. A clock that the kernel calls synchronised is believed. One that is not, and jumps, is believed when it
/// has kept to its new time for a while: till then time goes on as if it had not jumped.
package struct ClockDiscipline: Sendable {
    /// Before this program was written: a board without a battery starts in 1970.
    package static let earliest = Instant(ms: 1_767_225_600_000)  // 2026-01-01

    private static let toleranceMs: Int64 = 2_000  // less is drift, not a jump
    private static let proofMs: Int64 = 600_000  // how long a new time must last

    private var offsetMs: Int64?  // of the time given out from the time since the start
    private var unprovenSinceMs: Int64?  // since when readings may have to be corrected; nil: synchronised
    private var hasBeenSynchronised = false
    private var proposal: (offsetMs: Int64, sinceMs: Int64)?

    /// - Parameter last: a reading of this start of the host, whose time goes on from there.
    package init(after last: Reading? = nil) {
        guard let last else { return }
        offsetMs = last.takenAt.ms - last.boottimeMs
        hasBeenSynchronised = last.clock == .synchronised
        unprovenSinceMs = last.clock == .synchronised ? nil : 0
    }

    package struct Verdict: Sendable, Equatable {
        package var now: Instant
        package var quality: ClockQuality
        /// True time for what was taken before: boot times, and what to add to them.
        package var correction: Correction?
    }

    package struct Correction: Sendable, Equatable {
        package var boottimeMs: ClosedRange<Int64>
        package var offset: Duration
    }

    /// - Parameters:
    ///   - wall: what the host's clock shows.
    ///   - boottimeMs: since the host's start.
    ///   - isSynchronised: by the kernel's account.
    package mutating func judge(wall: Instant, boottimeMs: Int64, isSynchronised: Bool) -> Verdict {
        let shown = wall.ms - boottimeMs
        let isBelievable = wall > ClockDiscipline.earliest && wall <= Instant.valid.upperBound
        var correction: Correction?
        if let offsetMs, abs(shown - offsetMs) > ClockDiscipline.toleranceMs {
            if isSynchronised || (isBelievable && isProven(shown, at: boottimeMs, against: offsetMs)) {
                if let since = unprovenSinceMs, since < boottimeMs {
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
            unprovenSinceMs = nil
            hasBeenSynchronised = true
            return Verdict(now: now, quality: .synchronised, correction: correction)
        }
        unprovenSinceMs = unprovenSinceMs ?? boottimeMs
        return Verdict(now: now, quality: hasBeenSynchronised || now > ClockDiscipline.earliest ? .holdover : .unknown, correction: correction)
    }

    private mutating func adopt(_ shown: Int64) {
        offsetMs = shown
        proposal = nil
    }

    /// A time that nobody vouches for: at once where the one before was impossible, else when it has lasted.
    private mutating func isProven(_ shown: Int64, at boottimeMs: Int64, against offsetMs: Int64) -> Bool {
        if !hasBeenSynchronised, boottimeMs + offsetMs <= ClockDiscipline.earliest.ms { return true }
        guard let proposal, abs(proposal.offsetMs - shown) <= ClockDiscipline.toleranceMs else {
            self.proposal = (shown, boottimeMs)
            return false
        }
        return boottimeMs - proposal.sinceMs >= ClockDiscipline.proofMs
    }
}

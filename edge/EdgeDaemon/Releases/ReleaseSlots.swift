package import Measures
package import Wire

/// The releases of this device: the one in use, the last good one, and those that it never uses again. A value type with the rules of each
/// change; `ReleaseFolder` stores the value as one file, so that after a crash either all of a change has happened or nothing of it.
package struct ReleaseSlots: Sendable, Equatable {
    package struct Active: Sendable, Equatable {
        package var name: ReleaseReference
        package var since: Instant  // on the clock of the readings
        package init(name: ReleaseReference, since: Instant) { (self.name, self.since) = (name, since) }
    }

    /// A start of the daemon with the release in use, without an orderly stop after it.
    struct Start: Sendable, Equatable {
        var boot: UInt32
        var boottimeMs: Int64
    }

    /// A release counts as good after this time in use.
    private static let trialTime: Duration = .seconds(48 * 3_600)
    private static let rejectionLimit = 16
    private static let crashLoop = (restarts: 3, within: Int64(600_000))  // ms

    /// The highest counter accepted so far; a release needs a higher one.
    package var acceptedCounter: UInt64 = 0
    package var active: Active?  // nil: the shipped release
    package var lastGood: ReleaseReference?  // nil: the shipped release
    package private(set) var rejected: [ReleaseRejection] = []  // oldest first
    private(set) var starts: [Start] = []

    package init() {}

    init(
        acceptedCounter: UInt64, active: Active?, lastGood: ReleaseReference?, rejected: [ReleaseRejection], starts: [Start]
    ) {
        (self.acceptedCounter, self.active, self.lastGood, self.rejected, self.starts) = (acceptedCounter, active, lastGood, rejected, starts)
    }

    package func isRejected(_ name: ReleaseReference) -> Bool { rejected.contains { $0.release == name } }

    /// Takes a checked release into use.
    /// - Parameters:
    ///   - isSameNetwork: the release has the weights of the release in use, for example because the cloud has signed it again: then the
    ///     last good release stays, and its trial continues.
    ///   - isLastGoodNetwork: the release has the weights of the last good release, which may be the shipped one: the cloud has rolled back. The release in
    ///     use until now does not become the last good one.
    mutating func accept(_ name: ReleaseReference, isSameNetwork: Bool, isLastGoodNetwork: Bool = false, now: Instant) {
        acceptedCounter = max(acceptedCounter, name.counter)
        if isSameNetwork, let since = active?.since {
            active = Active(name: name, since: since)
        } else {
            if isLastGoodNetwork {
                lastGood = nil
            } else if let active, now - active.since >= ReleaseSlots.trialTime {
                lastGood = active.name
            }
            active = Active(name: name, since: now)
        }
        starts = []
    }

    /// Rejects the release in use permanently and activates the last good release.
    /// - Returns: the rejection; `nil` if the shipped release is in use, which nothing can replace.
    @discardableResult
    mutating func goBack(_ reason: ReleaseRejection.Reason, detail: String, now: Instant) -> ReleaseRejection? {
        guard let active else { return nil }
        let rejection = ReleaseRejection(release: active.name, reason: reason, at: now, detail: detail)
        rejected = rejected.suffix(ReleaseSlots.rejectionLimit - 1) + [rejection]
        self.active = lastGood.map { Active(name: $0, since: now) }
        (lastGood, starts) = (nil, [])
        return rejection
    }

    /// Stops using a release whose file is lost or damaged. The release itself is not at fault: the cloud may send it again.
    mutating func lose(_ name: ReleaseReference, now: Instant) {
        if active?.name == name {
            active = lastGood.map { Active(name: $0, since: now) }
            (lastGood, starts) = (nil, [])
        } else if lastGood == name {
            lastGood = nil
        }
        // The same file must be accepted again, although its counter was accepted before.
        if acceptedCounter == name.counter { acceptedCounter -= 1 }
    }

    // MARK: crash loops

    /// Records a start of the daemon. `markStopped` clears the list after an orderly stop, so the list contains only starts that ended in a crash. Starts of
    /// an earlier boot are discarded, because a power failure is not a crash of the daemon.
    mutating func markStarted(boot: UInt32, boottimeMs: Int64) {
        starts = starts.filter { $0.boot == boot && boottimeMs - $0.boottimeMs <= ReleaseSlots.crashLoop.within && $0.boottimeMs <= boottimeMs }
        starts = starts.suffix(ReleaseSlots.crashLoop.restarts) + [Start(boot: boot, boottimeMs: boottimeMs)]
    }

    /// Whether the daemon has crashed and started again three times within ten minutes.
    var isCrashLoop: Bool { starts.count > ReleaseSlots.crashLoop.restarts }

    mutating func markStopped() { starts = [] }
}

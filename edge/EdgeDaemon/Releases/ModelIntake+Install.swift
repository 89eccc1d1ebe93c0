internal import Measures
internal import Releases
internal import Runtime
internal import Signing
internal import Text
internal import TrustedReleases
package import Wire

/// Takes releases that the cloud offers.
extension ModelIntake {
    /// Whether to fetch this release now: it is not in use, this device has not given it up, and no recent fetch failed.
    package func shouldFetch(_ name: ReleaseReference) -> Bool {
        load()
        return active.current?.name != name && !slots.isRejected(name) && fetches.allows(name, at: serviceClock.now)
    }

    package func fetchFailed(_ name: ReleaseReference?) { fetches.failed(name, at: serviceClock.now) }

    /// How far a counter (seconds) may be ahead of the clock. No cloud can have assigned a higher counter by now, whatever its clock shows;
    /// after accepting a higher counter the device would accept no later release.
    private static let maximumAheadOfClock: Duration = .seconds(20 * 366 * 86_400)
    static func highestCounter(now: Instant) -> UInt64 {
        UInt64(max(0, (max(now, ClockDiscipline.earliest) + maximumAheadOfClock).ms / 1_000))
    }

    /// Checks a release and switches to it. Nothing changes before the last check has passed. The release file is stored before the slots name it.
    package func install(_ bytes: [UInt8], as offered: ReleaseReference?) {
        load()
        let sha256 = SHA256.digest(bytes)
        do {
            let highest = ModelIntake.highestCounter(now: serviceClock.wallClock)
            let accepted = slots.acceptedCounter <= highest ? slots.acceptedCounter : 0
            var demand = ReleaseVerification.Requirements(sha256: offered?.sha256, lastAcceptedCounter: accepted)
            (demand.counter, demand.maximumCounter) = (offered?.counter, highest)
            let release = try folder.trust().open(bytes, demand)
            let name = ReleaseReference(counter: release.header.counter, sha256: sha256)
            try folder.write(name, bytes)
            var next = slots
            next.accept(
                name, isSameNetwork: active.current?.release.network == release.network,
                isLastGoodNetwork: active.current?.rival?.network == release.network, now: now)
            try folder.save(next)
            slots = next
            activate()
            refusal = nil
            fetches.succeeded()
            log(.info, "release accepted", ["counter": name.counter, "model": release.header.modelID, "sha256": Hexadecimal.text(sha256.prefix(6))])
        } catch {
            // Transfer damage and a full disk are temporary; a fault of the file itself is permanent.
            if let error = error as? ReleaseRefusal, error.isFinal { fetches.refused(offered) }
            fetchFailed(offered)
            refusal = "\(error)"
            log(
                .error, "release refused",
                ["counter": offered?.counter ?? 0, "reason": (error as? ReleaseRefusal)?.reason ?? "io", "error": "\(error)"])
        }
    }
}

internal import Measures
internal import Releases
internal import Runtime
internal import Signing
internal import TrustedReleases
package import Wire

/// Accepts and stores the key sets of the fleet.
extension ModelIntake {
    /// Whether to ask the cloud for new key sets now.
    /// - Parameter beforeRelease: `true` just before a release is fetched: the device then asks although it asked less than an hour ago.
    package func shouldFetchKeySets(beforeRelease: Bool) -> Bool {
        guard beforeRelease || keySets.isDue(at: serviceClock.now) else { return false }
        keySets.asked(at: serviceClock.now)
        return true
    }

    package func keySetFetchFailed() { keySets.failed(at: serviceClock.now) }

    /// The serial of the accepted set; 0 without one. Stores the set if that failed before.
    package func keySetSerial() -> UInt64 {
        if let set = folder.keys.unsaved, (try? folder.keys.save(set)) != nil { folder.keys.unsaved = nil }
        do { return try max(folder.keys.storedSet()?.serial ?? 0, folder.keys.unsaved?.serial ?? 0) } catch {
            log(.error, "release-key-set file not usable, fetching the key sets again", ["error": "\(error)"])
            return 0
        }
    }

    /// Accepts those of the given sets that are signed by the keys trusted so far, one after another.
    ///
    /// A device that was offline for long gets several sets: each is signed by keys of the set before it. A device that has enrolled lately may know
    /// only the keys of the newest set: it skips the others.
    package func acceptKeySets(_ text: String) {
        do {
            var ring = try folder.keys.ring()
            let before = ring
            var refusal: (any Error)?
            for text in ReleaseKeySet.texts(in: text) {
                do {
                    try ring.accept(try ReleaseKeySet(text), highestSerial: ModelIntake.highestCounter(now: serviceClock.wallClock))
                } catch { refusal = error }
            }
            guard let set = ring.keySet, ring != before else {
                if let refusal { log(.error, "release key set refused", ["error": "\(refusal)"]) }
                return
            }
            trustChangedAt = serviceClock.now
            folder.keys.unsaved = set
            log(
                .warning, "release keys changed",
                [
                    "serial": set.serial, "keys": ring.releaseKeys.map { $0.idText }.joined(separator: " "),
                    "revoked": set.revoked.map { $0.idText }.joined(separator: " "),
                ])
            try folder.keys.save(set)
            folder.keys.unsaved = nil
        } catch {
            keySetFetchFailed()
            let isUsed = folder.keys.unsaved != nil
            log(.error, isUsed ? "release key set in use but not stored, retrying" : "release keys not readable, retrying", ["error": "\(error)"])
        }
    }

    private static let longestWait: Duration = .seconds(3_600)

    /// Checks the stored releases against the trusted keys after a change of the keys, and replaces a release that no trusted key has signed.
    /// - Parameter offered: the release that the cloud offers. If the device does not have this release yet, the check waits for up to an hour: the
    ///   offered release may be the same network with a new signature, and the device need not use the shipped release meanwhile.
    package func applyTrust(offered: ReleaseReference?) {
        guard let changedAt = trustChangedAt else { return }
        let isExpected = offered.map { $0 != active.current?.name && !slots.isRejected($0) } ?? false
        if isExpected, serviceClock.now - changedAt < ModelIntake.longestWait { return }
        trustChangedAt = nil
        guard isLoaded, let trust = try? folder.keys.ring().trust else { return }
        let names = [slots.active?.name, active.current?.rival.flatMap { $0.name == slots.lastGood ? $0.name : nil }].compactMap { $0 }
        let isDistrusted = names.contains { name in
            guard let bytes = try? folder.read(name) else { return false }
            do {
                _ = try trust.open(bytes)
                return false
            } catch { return (error as? ReleaseRefusal) == .signature }
        }
        if isDistrusted { activate() }
    }
}

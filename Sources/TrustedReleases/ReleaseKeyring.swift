package import Signing

/// The keys that a device, or the cloud, trusts now: the pinned keys and the keys of the newest accepted set, without those that the set revokes.
package struct ReleaseKeyring: Sendable, Equatable {
    package let pinned: [PublicKey]  // from the enrolment, a configured file, or a file given by hand
    package private(set) var keySet: ReleaseKeySet?

    /// - Parameter set: the newest accepted set; `nil` before the first one.
    package init(pinned: [PublicKey], set: ReleaseKeySet? = nil) { (self.pinned, keySet) = (pinned, set) }

    /// The keys that sign releases.
    package var releaseKeys: [PublicKey] {
        var keys: [PublicKey] = []
        for key in pinned + (keySet?.keys ?? []) where !(keySet?.revoked.contains(key) ?? false) && !keys.contains(key) { keys.append(key) }
        return keys
    }

    /// The keys that sign the next set.
    package var setKeys: [PublicKey] { keySet.flatMap { $0.roots.isEmpty ? nil : $0.roots } ?? releaseKeys }

    package var trust: ReleaseTrust { .signed(by: releaseKeys) }

    /// Replaces the set.
    /// - Parameter highestSerial: after accepting a higher serial, a device would accept no later set.
    package mutating func accept(_ next: ReleaseKeySet, highestSerial: UInt64) throws(KeySetRefusal) {
        if let problem = next.problem { throw .format(problem) }
        if let keySet, next.serial <= keySet.serial { throw .serial(offered: next.serial, accepted: keySet.serial) }
        if next.serial > highestSerial { throw .serialTooHigh(serial: next.serial, atMost: highestSerial) }
        try checkSignature(of: next)
        keySet = next
    }

    /// - Throws: `KeySetRefusal.signature` if no key that may sign the next set has signed it.
    package func checkSignature(of set: ReleaseKeySet) throws(KeySetRefusal) {
        guard set.isSigned(by: setKeys) else { throw .signature(mustBeRoot: keySet?.roots.isEmpty == false) }
    }
}

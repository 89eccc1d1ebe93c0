package import Archive
package import Measures
internal import Releases
package import Signing
package import TrustedReleases

/// Changes of the keys that devices trust. Each change is a new key set.
package struct KeyChanges {
    private let archive: Archive
    private let signer: ReleaseSigner

    package init(archive: Archive, signer: ReleaseSigner) { (self.archive, self.signer) = (archive, signer) }

    package struct Impossible: Error, CustomStringConvertible {
        package let description: String
    }

    // MARK: sets that are not published yet, without signatures

    package func adding(_ key: PublicKey, now: Instant) throws -> ReleaseKeySet {
        var set = try next(now: now, without: key)
        set.keys.append(key)
        return set
    }

    package func addingRoot(_ key: PublicKey, now: Instant) throws -> ReleaseKeySet {
        var set = try next(now: now, without: key)
        set.roots.append(key)
        return set
    }

    package func revoking(_ key: PublicKey, now: Instant) throws -> ReleaseKeySet {
        var set = next(now: now)
        guard (set.keys + set.roots).contains(key) else {
            throw Impossible(description: "this key is not trusted: vaho-cloud keys list shows the keys")
        }
        if set.keys == [key] {
            throw Impossible(description: "this is the only key that signs releases: vaho-cloud keys rotate adds another one first")
        }
        set.keys.removeAll { $0 == key }
        set.roots.removeAll { $0 == key }
        set.revoked.append(key)
        return set
    }

    /// The present keys, with the next serial.
    private func next(now: Instant) -> ReleaseKeySet {
        let present = signer.ring.keySet
        return ReleaseKeySet(
            serial: max((present?.serial ?? 0) + 1, UInt64(max(0, now.ms / 1_000))), keys: signer.ring.releaseKeys, roots: present?.roots ?? [],
            revoked: present?.revoked ?? [])
    }

    private func next(now: Instant, without key: PublicKey) throws -> ReleaseKeySet {
        let set = next(now: now)
        if (set.keys + set.roots).contains(key) { throw Impossible(description: "this key is trusted already") }
        if set.revoked.contains(key) { throw Impossible(description: "this key is revoked: make another one with vaho-cloud keys make") }
        return set
    }

    // MARK: publication

    /// Stores a signed set, which devices then fetch. In the same transaction, signs each release in use again that has no trusted signature.
    ///
    /// - Returns: how many releases were signed again.
    /// - Throws: `KeySetRefusal` if devices would refuse the set; `SignatureNeeded`; `RolloutInProgress` if a release has to be signed again.
    package func publish(_ set: ReleaseKeySet, by attribution: Archive.Attribution, now: Instant) async throws -> Int {
        var ring = signer.ring
        try ring.accept(set, highestSerial: max((ring.keySet?.serial ?? 0) + 1, UInt64(max(0, now.ms / 1_000)) + 86_400))
        guard set.isSigned(by: set.keys) else {
            throw Impossible(
                description:
                    "a signing key of this set must sign it, too (vaho-cloud keys sign), because devices that enrol later know only these keys")
        }
        let (before, after) = (signer.ring, ring)
        let changes = ReleaseChanges(archive: archive, signer: signer.trusted(by: ring))
        return try await changes.prepared {
            let renewals = try await changes.renewals(of: distrustedTargets(after), now: now)
            let count = renewals.count
            return try await changes.change(renewals, by: attribution, now: now) { archive in
                guard try archive.keyring() == before else {
                    throw Impossible(description: "another program has changed the keys: repeat the command")
                }
                try archive.insertKeySet(set.text, serial: set.serial, by: attribution, now: now)
                return count
            }
        }
    }

    /// The aliases that point to a release without a signature by a trusted key.
    private func distrustedTargets(_ ring: ReleaseKeyring) async throws -> [Archive.AliasTarget] {
        var targets: [Archive.AliasTarget] = []
        for target in try await archive.allTargets() {
            guard let bytes = try await archive.releaseBytes(counter: target.counter) else { continue }
            // A release that devices refuse for another reason is no reason to keep a stolen key.
            do { _ = try ring.trust.open(bytes) } catch ReleaseRefusal.signature { targets.append(target) } catch {}
        }
        return targets
    }
}

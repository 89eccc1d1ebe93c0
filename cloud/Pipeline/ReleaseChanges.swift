package import Archive
package import Measures
internal import Releases
internal import Signing
internal import Text
internal import TrustedReleases
package import Wire

/// Changes which release devices get, by hand.
///
/// A device accepts a release only if its counter is above the counters of all releases that the device has accepted. An older release is therefore
/// signed again with the next counter: a new release with the same network.
package struct ReleaseChanges {
    private let archive: Archive
    private let signer: ReleaseSigner

    package init(archive: Archive, signer: ReleaseSigner) { (self.archive, self.signer) = (archive, signer) }

    package struct NoRelease: Error, CustomStringConvertible {
        let counter: UInt64
        package var description: String { "there is no release \(counter): vaho-cloud models list shows the releases" }
    }

    /// Points an alias at a release.
    /// - Returns: the release that devices get: the given one, or a new one with its network.
    package func assign(_ counter: UInt64, to alias: ReleaseAlias, by attribution: Archive.Attribution, now: Instant) async throws
        -> ReleaseReference
    {
        guard let release = try await archive.release(counter: counter) else { throw NoRelease(counter: counter) }
        let newest = try await archive.releases(limit: 1).first?.name.counter
        let name = counter == newest ? release.name : try await signAgain(counter, by: attribution, now: now)
        try await archive.setAlias(alias, to: name.counter, by: attribution, now: now)
        return name
    }

    /// Removes a pin. If the champion is older than the pinned release, the champion is signed again, so that devices accept it.
    /// - Returns: `false` if nothing was pinned.
    package func unpin(_ alias: ReleaseAlias, by attribution: Archive.Attribution, now: Instant) async throws -> Bool {
        guard let pinned = try await archive.release(of: alias) else { return false }
        try await archive.setAlias(alias, to: nil, by: attribution, now: now)
        if let champion = try await archive.release(of: .champion), champion.counter < pinned.counter {
            _ = try await assign(champion.counter, to: .champion, by: attribution, now: now)
        }
        return true
    }

    package struct NoEarlierChampion: Error, CustomStringConvertible {
        package var description: String { "there was no other champion before: vaho-cloud models history shows the champions" }
    }

    /// Makes the network of the champion before the present one the champion again.
    /// - Returns: the counter of that earlier release, and the new release with its network.
    package func rollBack(by attribution: Archive.Attribution, now: Instant) async throws -> (earlier: UInt64, new: ReleaseReference) {
        let history = try await archive.aliasHistory(of: .champion, limit: 1_000)
        var champions: [(counter: UInt64, run: Int64?)] = []
        for change in history.reversed() {
            guard let counter = change.counter, let release = try await archive.release(counter: counter) else { continue }
            champions.append((counter, release.run))
        }
        guard let earlier = ReleaseChanges.earlierChampion(champions) else { throw NoEarlierChampion() }
        return (earlier, try await assign(earlier, to: .champion, by: attribution, now: now))
    }

    /// The champion before the first release with the present champion's network. Releases of one run have the same network. So a second rollback goes
    /// further back, not forward to the release that the first one has left.
    /// - Parameter champions: oldest first.
    static func earlierChampion(_ champions: [(counter: UInt64, run: Int64?)]) -> UInt64? {
        guard let present = champions.last else { return nil }
        let first = champions.firstIndex { $0.counter == present.counter || $0.run != nil && $0.run == present.run } ?? 0
        return first > 0 ? champions[first - 1].counter : nil
    }

    private func signAgain(_ counter: UInt64, by attribution: Archive.Attribution, now: Instant) async throws -> ReleaseReference {
        guard let bytes = try await archive.releaseBytes(counter: counter) else { throw NoRelease(counter: counter) }
        var release = try ReleaseTrust.signed(by: [signer.publicKey]).open(bytes)
        let lifetime = release.header.expiresAt - release.header.createdAt
        release.header.counter = try await archive.nextCounter(now: now)
        release.header.createdAt = now
        release.header.expiresAt = now + lifetime
        return try await archive.register(signer.file(release), header: release.header, run: archive.release(counter: counter)?.run)
    }
}

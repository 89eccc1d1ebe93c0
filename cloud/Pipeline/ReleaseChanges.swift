package import Archive
package import Measures
internal import Releases
internal import Signing
internal import Text
internal import TrustedReleases
package import Wire

/// Changes by hand of which release devices get.
///
/// A device accepts a release only if its counter is above the counters of all releases that the device has accepted. So a change that gives a device an
/// older release signs that release again with the next counter: a new release with the same network.
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
    package func assign(_ counter: UInt64, to alias: ReleaseAlias, by attribution: Archive.Attribution, now: Instant) async throws -> ReleaseReference
    {
        guard let release = try await archive.release(counter: counter) else { throw NoRelease(counter: counter) }
        var name = release.name
        // A server may sign a newer release at any moment.
        while try await !archive.setAlias(alias, toNewest: name.counter, by: attribution, now: now) { name = try await signAgain(counter, now: now) }
        return name
    }

    /// Removes a pin.
    /// - Returns: `false` if nothing was pinned.
    package func unpin(_ alias: ReleaseAlias, by attribution: Archive.Attribution, now: Instant) async throws -> Bool {
        guard let pinned = try await archive.release(of: alias) else { return false }
        let older = try await archive.aliases(replacing: alias).filter { $0.counter < pinned.counter }
        let renewed = try await signAgain(older, now: now)
        try await archive.inTransaction { archive in
            for (alias, counter) in renewed { try archive.setAliasInTransaction(alias, to: counter, by: attribution, now: now) }
            try archive.setAliasInTransaction(alias, to: nil, by: attribution, now: now)
        }
        return true
    }

    /// Replaces the tags of a device.
    package func setTags(_ tags: [String], of device: Archive.Device, by attribution: Archive.Attribution, now: Instant) async throws {
        let accepted = try await archive.highestCounter(on: device.id)
        let next = try await archive.assignment(of: device.id, tags: tags)
        let renewed = try await signAgain(next.map { $0.counter < accepted ? [$0] : [] } ?? [], now: now)
        try await archive.inTransaction { archive in
            for (alias, counter) in renewed { try archive.setAliasInTransaction(alias, to: counter, by: attribution, now: now) }
            try archive.setTags(tags, of: device.id)
        }
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

    /// Signs the releases of aliases again.
    /// - Returns: the new counters.
    private func signAgain(_ aliases: [Archive.AliasTarget], now: Instant) async throws -> [(alias: ReleaseAlias, counter: UInt64)] {
        var renewed: [(alias: ReleaseAlias, counter: UInt64)] = []
        for target in aliases { renewed.append((target.alias, try await signAgain(target.counter, now: now).counter)) }
        return renewed
    }

    private func signAgain(_ counter: UInt64, now: Instant) async throws -> ReleaseReference {
        guard let bytes = try await archive.releaseBytes(counter: counter) else { throw NoRelease(counter: counter) }
        var release = try ReleaseTrust.signed(by: [signer.publicKey]).open(bytes)
        let lifetime = release.header.expiresAt - release.header.createdAt
        release.header.counter = try await archive.nextCounter(now: now)
        release.header.createdAt = now
        release.header.expiresAt = now + lifetime
        return try await archive.register(signer.file(release), header: release.header, run: archive.release(counter: counter)?.run)
    }
}

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
        while let pinned = try await archive.release(of: alias) {
            let older = try await archive.aliases(replacing: alias).filter { $0.counter < pinned.counter }
            let renewed = try await signAgain(older, now: now)
            let isChanged = try await change(renewed, by: attribution, now: now) { archive in
                guard try archive.release(of: alias) == pinned else { throw AliasesChanged() }
                try archive.setAliasInTransaction(alias, to: nil, by: attribution, now: now)
            }
            if isChanged { return true }
        }
        return false
    }

    /// Replaces the tags of a device.
    package func setTags(_ tags: [String], of device: Archive.Device, by attribution: Archive.Attribution, now: Instant) async throws {
        while true {
            let accepted = try await archive.highestCounter(on: device.id)
            let next = try await archive.assignment(of: device.id, tags: tags)
            let renewed = try await signAgain(next.map { $0.counter < accepted ? [$0] : [] } ?? [], now: now)
            let isChanged = try await change(renewed, by: attribution, now: now) { archive in
                guard try archive.assignment(of: device.id, tags: tags) == next else { throw AliasesChanged() }
                try archive.setTags(tags, of: device.id)
            }
            if isChanged { return }
        }
    }

    /// An alias that a change depends on was changed by another program after it was read.
    private struct AliasesChanged: Error {}

    private struct Renewal: Sendable {
        let target: Archive.AliasTarget
        let counter: UInt64  // of the release that was signed again
    }

    /// Makes a change and points the renewed aliases at their new releases, in one transaction.
    /// - Returns: `false` if another program has changed an alias, or has signed a newer release, since the aliases were read.
    private func change(
        _ renewed: [Renewal], by attribution: Archive.Attribution, now: Instant, _ body: @escaping @Sendable (isolated Archive) throws -> Void
    ) async throws -> Bool {
        do {
            try await archive.changeAliases { archive in
                try body(archive)
                if let highest = renewed.map(\.counter).max(), try archive.newestCounter() != highest { throw AliasesChanged() }
                for renewal in renewed {
                    guard try archive.release(of: renewal.target.alias)?.counter == renewal.target.counter else { throw AliasesChanged() }
                    try archive.setAliasInTransaction(renewal.target.alias, to: renewal.counter, by: attribution, now: now)
                }
            }
            return true
        } catch is AliasesChanged { return false }
    }

    package struct NoEarlierChampion: Error, CustomStringConvertible {
        package var description: String { "there was no other champion before: vaho-cloud models history shows the champions" }
    }

    /// Makes the network of the champion before the present one the champion again.
    /// - Returns: the counter of that earlier release, and the new release with its network.
    package func rollBack(by attribution: Archive.Attribution, now: Instant) async throws -> (earlier: UInt64, new: ReleaseReference) {
        let history = try await archive.aliasHistory(of: .champion, limit: 1_000)
        var champions: [(counter: UInt64, network: String)] = []
        for change in history.reversed() {
            guard let counter = change.counter, let release = try await archive.release(counter: counter) else { continue }
            // Signing a release again keeps these.
            champions.append((counter, [release.modelID, release.snapshot, release.parent, release.backtest].joined(separator: "\n")))
        }
        guard let earlier = ReleaseChanges.earlierChampion(champions) else { throw NoEarlierChampion() }
        return (earlier, try await assign(earlier, to: .champion, by: attribution, now: now))
    }

    /// The champion before the first release with the present champion's network. So a second rollback goes further back, not forward to the release that
    /// the first one has left.
    /// - Parameter champions: oldest first; `network` is equal for releases with the same network.
    static func earlierChampion(_ champions: [(counter: UInt64, network: String)]) -> UInt64? {
        guard let present = champions.last, let first = champions.firstIndex(where: { $0.network == present.network }), first > 0 else { return nil }
        return champions[first - 1].counter
    }

    private func signAgain(_ aliases: [Archive.AliasTarget], now: Instant) async throws -> [Renewal] {
        var renewed: [Renewal] = []
        for target in aliases { renewed.append(Renewal(target: target, counter: try await signAgain(target.counter, now: now).counter)) }
        return renewed
    }

    /// The archive's own releases need no valid signature: the key may have been replaced since.
    private func signAgain(_ counter: UInt64, now: Instant) async throws -> ReleaseReference {
        guard let stored = try await archive.release(counter: counter), let bytes = try await archive.releaseBytes(counter: counter) else {
            throw NoRelease(counter: counter)
        }
        var release = try ReleaseTrust.local.open(bytes, ReleaseVerification.Requirements(sha256: stored.name.sha256))
        let lifetime = release.header.expiresAt - release.header.createdAt
        release.header.counter = try await archive.nextCounter(now: now)
        release.header.createdAt = now
        release.header.expiresAt = now + lifetime
        return try await archive.register(signer.file(release), header: release.header, run: stored.run)
    }
}

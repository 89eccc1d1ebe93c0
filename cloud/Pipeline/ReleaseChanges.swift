package import Archive
package import Measures
internal import Releases
internal import Signing
internal import Text
internal import TrustedReleases
package import Wire

/// Changes by hand, or by a rule, of which release devices get.
///
/// A device accepts a release only if its counter is above the counters of all releases that the device has accepted. So a change that gives a device an
/// older release signs that release again with the next counter: a new release with the same network. The new release is stored in the transaction of
/// the change.
package struct ReleaseChanges {
    let archive: Archive
    private let signer: ReleaseSigner

    package init(archive: Archive, signer: ReleaseSigner) { (self.archive, self.signer) = (archive, signer) }

    package struct NoRelease: Error, CustomStringConvertible {
        let counter: UInt64
        package var description: String { "there is no release \(counter): vaho-cloud models list shows the releases" }
    }

    package struct ReleaseBlocked: Error, CustomStringConvertible {
        let block: Archive.ReleaseBlock
        package var description: String {
            "release \(block.counter) is blocked (\(block.reason)): vaho-cloud models unblock \(block.counter) allows it again"
        }
    }

    /// An alias, a rollout or the newest release has changed since the change was prepared; it is prepared again.
    struct Outdated: Error {}

    /// A release that was signed again.
    struct SignedRelease: Sendable {
        let bytes: [UInt8]
        let header: ReleaseHeader
        let run: Int64?
        let ring: ReleaseKeyring  // the keys that were trusted when it was signed
        var isStored = false  // `true`: it was signed on another machine and imported
    }

    /// The keys have changed since a release was signed.
    package struct KeysChanged: Error, CustomStringConvertible {
        package let description = "the keys have changed while the release was signed: sign it again"
    }

    /// A signed release, and the alias that is to point at it.
    struct Renewal: Sendable {
        let target: Archive.AliasTarget
        let release: SignedRelease
    }

    /// Points an alias at a release.
    /// - Returns: the release that devices get: the given one, or a new one with its network.
    /// - Throws: `ReleaseBlocked`; `Archive.RolloutInProgress` for the champion.
    package func assign(_ counter: UInt64, to alias: ReleaseAlias, by attribution: Archive.Attribution, now: Instant) async throws -> ReleaseReference
    {
        try await prepared {
            guard let stored = try await archive.release(counter: counter) else { throw NoRelease(counter: counter) }
            // A server may sign a newer release at any moment.
            let again = try await archive.newestCounter() == counter ? nil : try await signAgain(counter, now: now)
            return try await change([], by: attribution, now: now) { archive in
                if alias == .champion { try archive.checkNoRollout() }
                try ReleaseChanges.checkNotBlocked(counter, archive)
                guard let again else {
                    guard try archive.newestCounter() == counter else { throw Outdated() }
                    try archive.setAliasInTransaction(alias, to: counter, by: attribution, now: now)
                    return stored.name
                }
                try archive.checkNoRollout()
                let name = try ReleaseChanges.register(again, archive)
                try archive.setAliasInTransaction(alias, to: name.counter, by: attribution, now: now)
                return name
            }
        }
    }

    /// Removes a pin.
    /// - Returns: `false` if nothing was pinned.
    package func unpin(_ alias: ReleaseAlias, by attribution: Archive.Attribution, now: Instant) async throws -> Bool {
        try await prepared {
            guard let pinned = try await archive.release(of: alias) else { return false }
            let older = try await archive.aliases(replacing: alias).filter { $0.counter < pinned.counter }
            return try await change(try await renewals(of: older, now: now), by: attribution, now: now) { archive in
                guard try archive.release(of: alias) == pinned else { throw Outdated() }
                // The devices have accepted the counter of the pin, and would refuse the release of a rollout with a lower one.
                if let rollout = try archive.unfinishedRollout(), rollout.release < pinned.counter { try archive.checkNoRollout() }
                try archive.setAliasInTransaction(alias, to: nil, by: attribution, now: now)
                return true
            }
        }
    }

    /// Replaces the tags of a device.
    package func setTags(_ tags: [String], of device: Archive.Device, by attribution: Archive.Attribution, now: Instant) async throws {
        try await prepared {
            let accepted = try await archive.highestCounter(on: device.id)
            let next = try await archive.assignment(of: device.id, tags: tags)
            let older = next.map { $0.counter < accepted ? [$0] : [] } ?? []
            try await change(try await renewals(of: older, now: now), by: attribution, now: now) { archive in
                guard try archive.assignment(of: device.id, tags: tags) == next else { throw Outdated() }
                if let rollout = try archive.unfinishedRollout(), rollout.release < accepted { try archive.checkNoRollout() }
                try archive.setTags(tags, of: device, by: attribution, now: now)
            }
        }
    }

    package struct NoEarlierChampion: Error, CustomStringConvertible {
        package var description: String { "there was no other champion before: vaho-cloud models history shows the champions" }
    }

    /// Makes the network of the champion before the present one the champion again.
    /// - Returns: the counter of that earlier release, and the new release with its network.
    package func rollBack(by attribution: Archive.Attribution, now: Instant) async throws -> (earlier: UInt64, new: ReleaseReference) {
        guard let earlier = try await earlierChampion() else { throw NoEarlierChampion() }
        return (earlier, try await assign(earlier, to: .champion, by: attribution, now: now))
    }

    /// The champion before the present network that is not blocked.
    func earlierChampion() async throws -> UInt64? {
        let history = try await archive.aliasHistory(of: .champion, limit: 1_000)
        let blocked = Set(try await archive.releaseBlocks().map(\.counter))
        var champions: [(counter: UInt64, network: String)] = []
        for change in history.reversed() {
            guard let counter = change.counter, let release = try await archive.release(counter: counter) else { continue }
            // Signing a release again keeps these.
            let network = [release.modelID, release.snapshot, release.parent, release.backtest].joined(separator: "\n")
            if !blocked.contains(counter) || counter == history.first?.counter { champions.append((counter, network)) }
        }
        return ReleaseChanges.earlierChampion(champions)
    }

    /// The champion before the first release with the present champion's network. So a second rollback goes further back, not forward to the release that
    /// the first one has left.
    /// - Parameter champions: oldest first; `network` is equal for releases with the same network.
    static func earlierChampion(_ champions: [(counter: UInt64, network: String)]) -> UInt64? {
        guard let present = champions.last, let first = champions.firstIndex(where: { $0.network == present.network }), first > 0 else { return nil }
        return champions[first - 1].counter
    }

    // MARK: parts of a change

    /// Prepares and makes a change, again and again until nothing has changed in between.
    func prepared<Result>(_ attempt: () async throws -> Result) async throws -> Result {
        while true { do { return try await attempt() } catch is Outdated { try Task.checkCancellation() } }
    }

    /// Makes a change, stores the renewed releases and points their aliases at them, in one transaction.
    /// - Throws: `Outdated` if another program has changed an alias, or has signed a newer release, since the change was prepared; `RolloutInProgress`
    ///   if a release would be signed during a rollout: devices that get the new release would refuse the release of the rollout.
    func change<Result: Sendable>(
        _ renewals: [Renewal], by attribution: Archive.Attribution, now: Instant, _ body: @escaping @Sendable (isolated Archive) throws -> Result
    ) async throws -> Result {
        try await archive.changeAliases { archive in
            let result = try body(archive)
            for renewal in renewals {
                try archive.checkNoRollout()
                guard try archive.release(of: renewal.target.alias)?.counter == renewal.target.counter else { throw Outdated() }
                let name = try ReleaseChanges.register(renewal.release, archive)
                try archive.setAliasInTransaction(renewal.target.alias, to: name.counter, by: attribution, now: now)
            }
            return result
        }
    }

    /// Stores a signed release, unless another program has signed a newer one since.
    static func register(_ release: SignedRelease, _ archive: isolated Archive) throws -> ReleaseReference {
        guard try archive.keyring() == release.ring else { throw KeysChanged() }
        if release.isStored { return ReleaseReference(counter: release.header.counter, sha256: SHA256.digest(release.bytes)) }
        guard try archive.newestCounter() < release.header.counter else { throw Outdated() }
        return try archive.register(release.bytes, header: release.header, run: release.run)
    }

    static func checkNotBlocked(_ counter: UInt64, _ archive: isolated Archive) throws {
        if let block = try archive.releaseBlock(of: counter) { throw ReleaseBlocked(block: block) }
    }

    func renewals(of aliases: [Archive.AliasTarget], now: Instant) async throws -> [Renewal] {
        var renewals: [Renewal] = []
        for target in aliases {
            let release = try await signAgain(target.counter, after: renewals.last?.release.header.counter, now: now)
            renewals.append(Renewal(target: target, release: release))
        }
        return renewals
    }

    /// Signs a release with the next counter. The archive's own releases need no valid signature: the key may have been replaced since.
    /// - Parameter counter: the new counter must also be above this one, of a release that is not stored yet.
    func signAgain(_ old: UInt64, after counter: UInt64? = nil, now: Instant) async throws -> SignedRelease {
        guard let stored = try await archive.release(counter: old), let bytes = try await archive.releaseBytes(counter: old) else {
            throw NoRelease(counter: old)
        }
        let release = try ReleaseTrust.local.open(bytes, ReleaseVerification.Requirements(sha256: stored.name.sha256))
        return try await sign(release, run: stored.run, after: counter, now: now)
    }

    private static let importsConsidered = 50

    /// The newest imported release that is the given one signed again on another machine. Devices accept it: its counter is above the counters of all
    /// releases that were ever given to devices.
    func imported(_ old: Release) async throws -> SignedRelease {
        let given = max(try await archive.highestGivenCounter(), old.header.counter)
        for stored in try await archive.releases(limit: ReleaseChanges.importsConsidered) where stored.name.counter > given {
            guard try await archive.releaseBlock(of: stored.name.counter) == nil,
                let bytes = try await archive.releaseBytes(counter: stored.name.counter), let release = try? signer.ring.trust.open(bytes),
                release.network == old.network
            else { continue }
            return SignedRelease(bytes: bytes, header: release.header, run: stored.run, ring: signer.ring, isStored: true)
        }
        throw SignatureNeeded(counter: old.header.counter)
    }

    /// - Parameter release: its header gets the next counter and the present time.
    func sign(_ release: Release, run: Int64?, after counter: UInt64? = nil, now: Instant) async throws -> SignedRelease {
        if !signer.canSign { return try await imported(release) }
        let release = release.renewed(counter: max(try await archive.nextCounter(now: now), (counter ?? 0) + 1), now: now)
        return SignedRelease(bytes: try signer.file(release), header: release.header, run: run, ring: signer.ring)
    }
}

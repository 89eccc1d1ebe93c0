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
    package func assign(_ counter: UInt64, to alias: ReleaseAlias, because change: Archive.ChangeReason, now: Instant) async throws
        -> ReleaseReference
    {
        guard let release = try await archive.release(counter: counter) else { throw NoRelease(counter: counter) }
        let newest = try await archive.releases(limit: 1).first?.name.counter
        let name = counter == newest ? release.name : try await signAgain(counter, because: change, now: now)
        try await archive.set(alias, to: name.counter, because: change, now: now)
        return name
    }

    /// Removes a pin. If the champion is older than the pinned release, the champion is signed again, so that devices accept it.
    /// - Returns: `false` if nothing was pinned.
    package func unpin(_ alias: ReleaseAlias, because change: Archive.ChangeReason, now: Instant) async throws -> Bool {
        guard let pinned = try await archive.release(of: alias) else { return false }
        try await archive.set(alias, to: nil, because: change, now: now)
        if let champion = try await archive.release(of: .champion), champion.counter < pinned.counter {
            _ = try await assign(champion.counter, to: .champion, because: change, now: now)
        }
        return true
    }

    private func signAgain(_ counter: UInt64, because change: Archive.ChangeReason, now: Instant) async throws -> ReleaseReference {
        guard let bytes = try await archive.releaseBytes(counter: counter) else { throw NoRelease(counter: counter) }
        var release = try ReleaseTrust.signed(by: [signer.publicKey]).open(bytes)
        let lifetime = release.header.expiresAt - release.header.createdAt
        release.header.counter = try await archive.nextCounter(now: now)
        release.header.createdAt = now
        release.header.expiresAt = now + lifetime
        return try await archive.register(signer.file(release), header: release.header, run: archive.release(counter: counter)?.run)
    }
}

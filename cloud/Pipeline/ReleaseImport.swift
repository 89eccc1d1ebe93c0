package import Archive
package import Measures
internal import Releases
internal import Signing
internal import TrustedReleases
internal import Wire

/// Stores a release file that was made elsewhere. The file must pass all checks of a device.
package struct ReleaseImport {
    private let archive: Archive
    private let signer: ReleaseSigner

    package init(archive: Archive, signer: ReleaseSigner) { (self.archive, self.signer) = (archive, signer) }

    /// - Returns: the counter of the stored release.
    /// - Throws: `ReleaseRefusal` if the file fails a check of a device, or if its counter is not above the counters of all stored releases.
    package func store(_ bytes: [UInt8], by attribution: Archive.Attribution, now: Instant) async throws -> UInt64 {
        let trust = signer.ring.trust
        return try await archive.changeAliases { archive in
            let newest = try archive.newestCounter()
            var demand = ReleaseVerification.Requirements(lastAcceptedCounter: newest)
            // A counter is at least the Unix time in seconds. No later release could follow a much higher one.
            demand.maximumCounter = max(newest + 1, UInt64(max(0, now.ms / 1_000)) + 86_400)
            let release = try trust.open(bytes, demand)
            return try archive.importRelease(bytes, header: release.header, by: attribution, now: now).counter
        }
    }
}

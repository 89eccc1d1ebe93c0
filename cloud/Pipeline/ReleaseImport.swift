package import Archive
internal import Measures
internal import Releases
internal import Signing
internal import TrustedReleases
internal import Wire

/// Stores a release file that was made elsewhere. The file must pass all checks of a device.
package struct ReleaseImport {
    private let archive: Archive
    private let signer: ReleaseSigner

    package init(archive: Archive, signer: ReleaseSigner) { (self.archive, self.signer) = (archive, signer) }

    /// - Returns: the counter of the release.
    /// - Throws: `ReleaseRefusal`; also if the counter is not above that of every stored release.
    package func store(_ bytes: [UInt8]) async throws -> UInt64 {
        let trust = ReleaseTrust.signed(by: [signer.publicKey])
        return try await archive.changeAliases { archive in
            let newest = try archive.newestCounter()
            let release = try trust.open(bytes, ReleaseVerification.Requirements(lastAcceptedCounter: newest))
            return try archive.register(bytes, header: release.header).counter
        }
    }
}

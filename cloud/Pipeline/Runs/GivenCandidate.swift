package import Archive
package import Measures
internal import Releases
internal import Signing
internal import Text
internal import TrustedReleases

/// A network from a release file of another program or machine. A run judges this network instead of training one.
package struct GivenCandidate {
    private let bytes: [UInt8]
    private let sha256: String

    /// - Parameter bytes: a release file; its signature is not checked.
    /// - Throws: `ReleaseRefusal` if a device would refuse the file for another reason.
    package init(_ bytes: [UInt8]) throws {
        _ = try ReleaseTrust.local.open(bytes)
        (self.bytes, sha256) = (bytes, Hexadecimal.text(SHA256.digest(bytes)))
    }

    package func startRun(in archive: Archive, by attribution: Archive.Attribution, now: Instant) async throws -> Archive.Run {
        try await archive.startRun(
            kind: RunWorker.kind, cause: "\(TrainingRun.givenCandidate) \(sha256.prefix(12)): \(attribution.reason)", by: attribution, now: now,
            candidate: (bytes, sha256))
    }
}

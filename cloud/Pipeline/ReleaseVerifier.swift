package import Archive
internal import Releases
package import TrustedReleases
internal import Wire

/// Checks stored releases by the rules of an edge: length, hash, signature, contract, golden vectors.
package struct ReleaseVerifier: Sendable {
    private let reader: Archive
    private let trust: ReleaseTrust

    /// - Parameter ring: the keys that devices trust.
    package init(reader: Archive, ring: ReleaseKeyring) { (self.reader, trust) = (reader, ring.trust) }

    /// - Returns: `nil` if a device would accept the release, else the reason why not.
    package func problem(with release: Archive.StoredRelease) async throws -> String? {
        guard let bytes = try await reader.releaseBytes(counter: release.name.counter) else { return "its file is missing" }
        do {
            let opened = try trust.open(bytes, ReleaseVerification.Requirements(sha256: release.name.sha256))
            return opened.header.counter == release.name.counter ? nil : "its file has the counter \(opened.header.counter)"
        } catch { return "\(error)" }
    }
}

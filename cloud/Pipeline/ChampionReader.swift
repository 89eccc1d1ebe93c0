internal import Archive
internal import Forecasting
internal import Releases
internal import Signing
internal import TrustedReleases
internal import Wire

/// Reads the champion's network from the archive.
struct ChampionReader {
    let reader: Archive
    let trust: ReleaseTrust

    /// - Returns: `nil` if there is no champion, or if this version of the program cannot use the champion's file. Devices do not
    ///   use this file either.
    func champion() async throws -> (name: ReleaseReference, network: Network)? {
        guard let name = try await reader.releaseName(alias: Archive.championAlias) else { return nil }
        return try await network(name).map { (name, $0) }
    }

    func network(_ name: ReleaseReference) async throws -> Network? {
        guard let bytes = try await reader.releaseBytes(counter: name.counter) else { return nil }
        do { return try trust.open(bytes, ReleaseVerification.Requirements(sha256: name.sha256)).network } catch let error where error.isFinal {
            return nil
        }
    }
}

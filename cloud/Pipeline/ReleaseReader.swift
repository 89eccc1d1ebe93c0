internal import Archive
internal import Forecasting
internal import Releases
internal import Signing
internal import TrustedReleases
internal import Wire

/// Reads the networks of stored releases.
struct ReleaseReader {
    let reader: Archive
    let trust: ReleaseTrust

    /// - Returns: `nil` if this version of the program cannot use the file. Devices do not use this file either.
    func network(_ name: ReleaseReference) async throws -> Network? {
        guard let bytes = try await reader.releaseBytes(counter: name.counter) else { return nil }
        do { return try trust.open(bytes, ReleaseVerification.Requirements(sha256: name.sha256)).network } catch let error where error.isFinal {
            return nil
        }
    }
}

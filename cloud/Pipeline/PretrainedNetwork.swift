package import Forecasting
internal import Releases
internal import Runtime
internal import Signing
internal import Text
internal import TrustedReleases

/// The network of the release that ships with the program. The fleet's first training starts from this network, and the first candidate must beat it.
package struct PretrainedNetwork: Sendable {
    let release: Release
    package var network: Network { release.network }
    let sha256: String

    /// - Parameter path: the release file; `nil` for the file in the program's folder.
    /// - Returns: `nil` if there is no file in the program's folder.
    /// - Throws: if the file is not the shipped release.
    package init?(path: String? = nil) throws {
        guard let path = path ?? Files.installedPath(ShippedRelease.fileName) else { return nil }
        let bytes = try Files.read(path, limit: ReleaseFile.limit)
        sha256 = Hexadecimal.text(SHA256.digest(bytes))
        do { release = try ReleaseTrust.shipped.open(bytes) } catch {
            throw InputFileError(path, "\(error)")
        }
    }
}

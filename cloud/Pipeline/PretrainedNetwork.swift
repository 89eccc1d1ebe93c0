package import Forecasting
internal import Releases
internal import Runtime
internal import Signing
internal import Text
internal import TrustedReleases

/// The release that ships with the program: the start of the fleet's first training, and the first champion that a candidate must beat.
package struct PretrainedNetwork: Sendable {
    package let network: Network
    let sha256: String

    /// - Parameter path: `nil`: the file in the program's folder.
    /// - Returns: `nil` if there is no file in the program's folder.
    /// - Throws: if the file is not the shipped release.
    package init?(path: String? = nil) throws {
        guard let path = path ?? Files.installedPath(ShippedRelease.fileName) else { return nil }
        let bytes = try Files.read(path, limit: ReleaseFile.limit)
        sha256 = Hexadecimal.text(SHA256.digest(bytes))
        do { network = try ReleaseTrust.shipped.open(bytes).network } catch {
            throw InputFileError(path, "\(error)")
        }
    }
}

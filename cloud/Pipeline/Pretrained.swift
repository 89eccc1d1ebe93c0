package import Forecasting
internal import Releases
internal import Runtime
internal import Signing
internal import Text
internal import TrustedReleases

/// The release that ships beside the program: where the fleet's first own model begins, and what it must beat.
package struct Pretrained: Sendable {
    package let network: Network
    let sha256: String

    /// - Parameter path: `nil` looks beside the program.
    /// - Returns: `nil` where none is found.
    /// - Throws: where the file is not what shipped.
    package init?(path: String? = nil) throws {
        guard let path = path ?? Files.shipped(ShippedRelease.fileName) else { return nil }
        let bytes = try Files.read(path, limit: ReleaseFile.limit)
        sha256 = Hexadecimal.text(SHA256.digest(bytes))
        do { network = try ReleaseTrust.shipped.open(bytes).network } catch {
            throw BacktestFault("\(path): \(error)")
        }
    }
}

import Examples
import Forecasting
import Foundation
import Releases
import Signing
import Testing
import Text

/// The file in the repository is the one the programs trust, computes here what it computed where it was made, and fits.
@Suite struct ShippedReleaseTests {
    private let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/../../deploy/pretrained.vaho"
    private let cryptography = Cryptography(sha256: { SHA256.digest($0) }, isSigned: { _, _, _ in false })

    private func bytes() throws -> [UInt8] { Array(try Data(contentsOf: URL(fileURLWithPath: path))) }

    @Test func `the shipped release is taken by its hash, golden vectors included`() throws {
        let bytes = try bytes()
        #expect(bytes.count <= ReleaseFile.limit)
        let release = try ShippedRelease.open(bytes, hash: Hexadecimal.text(SHA256.digest(bytes)), cryptography)
        #expect(release.header.counter == 0 && release.header.modelID.hasPrefix("pretrained-"))
        #expect(!release.header.provenance.backtest.contains("pine"))  // for research only
        #expect(release.network.spreads.allSatisfy { (0.3...3).contains($0) })
    }

    @Test func `with one byte changed it is not, whoever made its own hash right`() throws {
        var bytes = try bytes()
        bytes[5_000] ^= 1
        #expect(throws: ReleaseRefusal.hash) { try ShippedRelease.open(bytes, hash: Hexadecimal.text(SHA256.digest(bytes)), cryptography) }
        #expect(throws: ReleaseRefusal.hash) { try ShippedRelease.open(bytes, hash: ShippedRelease.sha256, cryptography) }
    }

    @Test func `offered like any other, it is refused: it bears no signature`() throws {
        let bytes = try bytes()
        #expect(throws: ReleaseRefusal.signature) { try ReleaseIntake.open(bytes, ReleaseIntake.Demand(counterAbove: nil), cryptography) }
    }
}

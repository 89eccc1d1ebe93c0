import Examples
import Forecasting
import Foundation
import Releases
import Signing
import Testing
import Text

/// The release file in the repository has the trusted hash, reproduces its golden vectors on this host, and fits the size limit.
@Suite struct ShippedReleaseTests {
    private let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/../../deploy/pretrained.vaho"
    private let cryptography = Cryptography(sha256: { SHA256.digest($0) }, isSigned: { _, _, _ in false })

    private func bytes() throws -> [UInt8] { Array(try Data(contentsOf: URL(fileURLWithPath: path))) }

    @Test func `the shipped release is accepted by its hash and passes its golden vectors`() throws {
        let bytes = try bytes()
        #expect(bytes.count <= ReleaseFile.limit)
        let release = try ShippedRelease.open(bytes, hash: Hexadecimal.text(SHA256.digest(bytes)), cryptography)
        #expect(release.header.counter == 0 && release.header.modelID.hasPrefix("pretrained-"))
        #expect(!release.header.provenance.backtest.contains("pine"))  // for research only
        #expect(release.network.spreads.allSatisfy { (0.3...3).contains($0) })
    }

    @Test func `the shipped release with one changed byte is refused, even with a matching hash`() throws {
        var bytes = try bytes()
        bytes[5_000] ^= 1
        #expect(throws: ReleaseRefusal.hash) { try ShippedRelease.open(bytes, hash: Hexadecimal.text(SHA256.digest(bytes)), cryptography) }
        #expect(throws: ReleaseRefusal.hash) { try ShippedRelease.open(bytes, hash: ShippedRelease.sha256, cryptography) }
    }

    @Test func `the shipped release is refused as a cloud release because it has no signature`() throws {
        let bytes = try bytes()
        #expect(throws: ReleaseRefusal.signature) {
            try ReleaseVerification.open(bytes, ReleaseVerification.Requirements(lastAcceptedCounter: nil), cryptography)
        }
    }
}

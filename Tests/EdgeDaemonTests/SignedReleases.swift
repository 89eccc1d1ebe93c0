import EdgeDaemon
import Examples
import Forecasting
import Measures
import Releases
import Signing
import TrustedReleases
import Wire

/// Releases signed by keys that are numbered in a test.
struct SignedReleases {
    func key(_ number: UInt8) throws -> PrivateKey { try PrivateKey(seed: [UInt8](repeating: number, count: 32)) }

    func pin(_ keys: [UInt8], in folder: String) throws {
        try KeyFiles(folder: folder, configured: nil).replacePinned(ReleaseKeyFile.text(keys.map { try key($0).publicKey }))
    }

    func file(
        counter: UInt64, network: Network = anyNetwork(size: 0.01), createdAt: Instant = Instant(ms: 1), expiresAt: Instant = Instant(ms: 2),
        keys: [UInt8]
    ) throws -> (name: ReleaseReference, bytes: [UInt8]) {
        let release = Release(
            header: ReleaseHeader(
                counter: counter, modelID: "m\(counter)", createdAt: createdAt, expiresAt: expiresAt,
                provenance: Provenance(snapshot: "", codeVersion: "", seed: 0, configuration: "", parent: "", backtest: "")),
            network: network)
        let bytes = try ReleaseFile.bytes(of: release, sha256: { SHA256.digest($0) }) { message in
            try keys.map { ReleaseFile.Signature(keyID: try key($0).publicKey.id, signature: try key($0).signature(of: message)) }
        }
        return (ReleaseReference(counter: counter, sha256: SHA256.digest(bytes)), bytes)
    }

    func file(counter: UInt64, key: UInt8) throws -> (name: ReleaseReference, bytes: [UInt8]) { try file(counter: counter, keys: [key]) }
}

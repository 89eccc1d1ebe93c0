package import Releases
internal import Runtime
package import Signing
internal import Text
internal import TrustedReleases

/// The fleet's signing key: made at the first start, kept in the store's folder for its owner alone.
package struct ReleaseSigner {
    private let key: PrivateKey
    package let path: String

    /// - Throws: also where the key of an existing archive is missing: a new one in its place would sign what no device trusts.
    package init(folder: String) throws {
        path = "\(folder)/release-signing.key"
        if !Files.exists(path) {
            guard !Files.exists("\(folder)/archive.sqlite") else {
                throw SigningError(
                    description: "\(path) is missing beside an existing archive: restore it from a backup. Only if it is lost for good, "
                        + "vaho-cloud keys new makes another one; every device then needs the new release keys")
            }
            try ReleaseSigner.makeKey(in: folder)
        }
        guard let seed = Hexadecimal.bytes(try Files.readTrimmed(path)) else {
            throw SigningError(description: "\(path): expected 64 hexadecimal digits; restore it from a copy: edges trust no other key")
        }
        key = try PrivateKey(seed: seed)
    }

    /// Makes the key of a new archive, or in place of one that is lost. A key that is there stays.
    package static func makeKey(in folder: String) throws {
        try Files.makeFolder(folder)
        // The server and a command may come here at once: the key that was there first counts for both.
        _ = try Files.create("\(folder)/release-signing.key", with: Array((Hexadecimal.text(PrivateKey.randomSeed()) + "\n").utf8), mode: 0o600)
    }

    /// For a backup: without its key a restored cloud could sign nothing that devices trust.
    package static func copyKey(from folder: String, to target: String) throws {
        let name = "release-signing.key"
        guard Files.exists("\(folder)/\(name)") else { return }
        try Files.replace("\(target)/\(name)", with: Files.read("\(folder)/\(name)", limit: 4_096), mode: 0o600)
    }

    package var publicKey: PublicKey { key.publicKey }

    /// The release as a file, signed; checked again by the same rules as on an edge before anyone gets it.
    package func file(_ release: Release) throws -> [UInt8] {
        let bytes = try ReleaseFile.bytes(of: release, sha256: { SHA256.digest($0) }) { message in
            [ReleaseFile.Signature(keyID: key.publicKey.id, signature: try key.signature(of: message))]
        }
        _ = try ReleaseTrust.signed(by: [key.publicKey]).open(bytes)
        return bytes
    }
}

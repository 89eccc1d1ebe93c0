package import Releases
internal import Runtime
package import Signing
internal import Text
internal import TrustedReleases

/// Signs releases with the fleet's key. The first start makes the key, in a file of the store's folder that only the owner can read.
package struct ReleaseSigner {
    private let key: PrivateKey
    package let path: String

    /// - Throws: `SigningError`, also if the key of an existing archive is missing: devices would not trust releases signed with a new key.
    package init(folder: String) throws {
        path = "\(folder)/release-signing.key"
        if !Files.exists(path) {
            guard !Files.exists("\(folder)/archive.sqlite") else {
                throw SigningError.keyFile(
                    path: path, line: nil,
                    remedy: "the key is missing beside an existing archive: restore it from a backup. Only if the key is lost for good, "
                        + "vaho-cloud keys new makes another key; every device then needs the new release keys")
            }
            try ReleaseSigner.makeKey(in: folder)
        }
        guard let seed = Hexadecimal.bytes(try Files.readTrimmed(path)) else {
            throw SigningError.keyFile(
                path: path, line: nil, remedy: "expected 64 hexadecimal digits; restore the file from a backup, because devices trust no other key")
        }
        key = try PrivateKey(seed: seed)
    }

    /// Makes a key. Does nothing if the folder already has a key.
    package static func makeKey(in folder: String) throws {
        try Files.createFolder(folder)
        // The server and a command may make a key at once: `create` keeps the first file.
        _ = try Files.create("\(folder)/release-signing.key", with: Array((Hexadecimal.text(PrivateKey.randomSeed()) + "\n").utf8), mode: 0o600)
    }

    /// Copies the key for a backup: a cloud that is restored without its key cannot sign releases that devices trust.
    package static func copyKey(from folder: String, to target: String) throws {
        let name = "release-signing.key"
        guard Files.exists("\(folder)/\(name)") else { return }
        try Files.replace("\(target)/\(name)", with: Files.read("\(folder)/\(name)", limit: 4_096), mode: 0o600)
    }

    package var publicKey: PublicKey { key.publicKey }

    /// The release as a signed file, checked by the same rules as on an edge.
    package func file(_ release: Release) throws -> [UInt8] {
        let bytes = try ReleaseFile.bytes(of: release, sha256: { SHA256.digest($0) }) { message in
            [ReleaseFile.Signature(keyID: key.publicKey.id, signature: try key.signature(of: message))]
        }
        _ = try ReleaseTrust.signed(by: [key.publicKey]).open(bytes)
        return bytes
    }
}

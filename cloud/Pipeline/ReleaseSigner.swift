package import Archive
package import Releases
internal import Runtime
package import Signing
internal import Text
internal import TrustedReleases

/// Signs releases with the fleet's key, from a file that only its owner can read.
package struct ReleaseSigner {
    private let key: PrivateKey

    /// - Throws: `FileError` if the file cannot be read; `SigningError` if the file holds no key.
    package init(keyFile path: String) throws {
        guard let seed = Hexadecimal.bytes(try Files.readTrimmed(path)) else {
            throw SigningError.keyFile(
                path: path, line: nil, remedy: "expected 64 hexadecimal digits; restore the file from a backup, because devices trust no other key")
        }
        key = try PrivateKey(seed: seed)
    }

    /// The signer of an archive. The first start of a new archive makes the key file, and registers the key in the archive.
    /// - Throws: `SigningError` if the file holds another key than the registered one, or if the file of an archive in use is missing: devices trust
    ///   no releases that are signed with another key.
    package init(of archive: Archive, keyFile path: String) async throws {
        let registered = try await archive.signingKey()
        if !Files.exists(path) {
            let isInUse = try await archive.isInUse()
            guard registered == nil, !isInUse else {
                throw SigningError.keyFile(
                    path: path, line: nil,
                    remedy:
                        "the signing key of this archive is missing: restore the file from a backup, or copy it from another server of this archive. "
                        + "Only if the key is lost for good, vaho-cloud keys new makes another key; every device then needs the new release keys")
            }
            try ReleaseSigner.makeKey(path)
        }
        try self.init(keyFile: path)
        let own = publicKey.hexadecimal
        let known = try await registered == nil ? archive.registerSigningKey(own) : registered ?? own
        guard known == own else {
            throw SigningError.keyFile(
                path: path, line: nil,
                remedy: "this key is \(own), but the archive's releases are signed with \(known): use the archive's own key (VAHO_SIGNING_KEY_FILE)")
        }
    }

    /// Makes a key, unless the file exists.
    package static func makeKey(_ path: String) throws {
        if let slash = path.lastIndex(of: "/"), slash > path.startIndex { try Files.createFolder(String(path[..<slash])) }
        // The server and a command may make a key at once: `create` keeps the first file.
        _ = try Files.create(path, with: Array((Hexadecimal.text(PrivateKey.randomSeed()) + "\n").utf8), mode: 0o600)
    }

    /// Copies the key for a backup: a cloud that is restored without its key cannot sign releases that devices trust.
    package static func copyKey(from path: String, to target: String) throws {
        guard Files.exists(path) else { return }
        try Files.replace(target, with: Files.read(path, limit: 4_096), mode: 0o600)
    }

    package var publicKey: PublicKey { key.publicKey }

    func signature(of message: [UInt8]) throws -> [UInt8] { try key.signature(of: message) }

    /// The release as a signed file, checked by the same rules as on an edge.
    package func file(_ release: Release) throws -> [UInt8] {
        let bytes = try ReleaseFile.bytes(of: release, sha256: { SHA256.digest($0) }) { message in
            [ReleaseFile.Signature(keyID: key.publicKey.id, signature: try key.signature(of: message))]
        }
        _ = try ReleaseTrust.signed(by: [key.publicKey]).open(bytes)
        return bytes
    }
}

package import Archive
package import Releases
internal import Runtime
package import Signing
internal import Text
package import TrustedReleases

/// Signs releases, key sets and messages with the fleet's private keys, as far as devices trust these keys.
package struct ReleaseSigner {
    private let keys: [PrivateKey]
    package let ring: ReleaseKeyring  // what devices trust

    private init(keys: [PrivateKey], ring: ReleaseKeyring) {
        self.ring = ring
        self.keys = keys.filter { ring.releaseKeys.contains($0.publicKey) }
    }

    /// The signer of an archive. The first start of a new archive makes the key file, and registers the key in the archive.
    /// - Throws: `SigningError` if the file has no key that devices trust, or if the file of an archive in use is missing.
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
            try SigningKeyFile.make(path)
        }
        let file = try SigningKeyFile(path)
        if registered == nil { _ = try await archive.registerSigningKey(file.lines[0].publicKey.hexadecimal) }
        let ring = try await archive.keyring()
        guard file.lines.contains(where: { ring.releaseKeys.contains($0.publicKey) }) else {
            let own = file.lines.map(\.publicKey.hexadecimal).joined(separator: " and ")
            let known = ring.releaseKeys.map(\.hexadecimal).joined(separator: " and ")
            throw SigningError.keyFile(
                path: path, line: nil,
                remedy: "this key is \(own), but devices trust releases signed with \(known): use the archive's own key (VAHO_SIGNING_KEY_FILE)")
        }
        self.init(keys: try file.privateKeys, ring: ring)
    }

    /// `false` if the private keys are on another machine.
    package var canSign: Bool { !keys.isEmpty }

    /// The signature of the oldest key that devices trust.
    /// - Returns: `nil` if the private keys are on another machine.
    func signature(of message: [UInt8]) throws -> [UInt8]? { try keys.first?.signature(of: message) }

    /// The release as a signed file, checked by the same rules as on an edge. During a rotation both keys sign.
    /// - Throws: `SignatureNeeded` if the private keys are on another machine.
    package func file(_ release: Release) throws -> [UInt8] {
        guard canSign else { throw SignatureNeeded(counter: release.header.counter) }
        let bytes = try ReleaseSigner.file(release, keys: keys)
        _ = try ring.trust.open(bytes)
        return bytes
    }

    package static func file(_ release: Release, keys: [PrivateKey]) throws -> [UInt8] {
        try ReleaseFile.bytes(of: release, sha256: { SHA256.digest($0) }) { message in
            try keys.map { ReleaseFile.Signature(keyID: $0.publicKey.id, signature: try $0.signature(of: message)) }
        }
    }

    /// - Throws: `SettingsNotSigned` if the private keys are on another machine.
    package func sign(_ text: inout DeviceSettingsText) throws {
        guard let key = keys.first else { throw SettingsNotSigned() }
        try text.sign(with: key)
    }

    package struct SettingsNotSigned: Error, CustomStringConvertible {
        package init() {}
        package let description =
            "settings are signed by the server, and the private keys are on another machine: change the device's own configuration"
    }

    /// Adds the signature of each private key.
    package func sign(_ set: inout ReleaseKeySet) throws { for key in keys { try set.sign(with: key) } }

    /// The signer after a change of the keys.
    func trusted(by ring: ReleaseKeyring) -> ReleaseSigner { ReleaseSigner(keys: keys, ring: ring) }
}

/// A release is to be signed, but the private keys are on another machine. The shipped release has the counter 0.
package struct SignatureNeeded: Error, CustomStringConvertible {
    package let counter: UInt64
    package var description: String {
        let file = counter == 0 ? "copy pretrained.vaho to the other machine" : "run vaho-cloud models export \(counter)"
        return
            "\(counter == 0 ? "the shipped release" : "release \(counter)") must be signed, and the signing key is on another machine: on the server "
            + "\(file), on the other machine vaho-cloud models sign, then on the server vaho-cloud models import"
    }
}

extension Archive {
    /// The text of the key file that a device stores when it enrols.
    package func releaseKeyFile() throws -> String { ReleaseKeyFile.text(try keyring().releaseKeys) }

    /// The keys that devices trust.
    /// - Throws: `KeySetRefusal` if the newest key set is damaged.
    package func keyring() throws -> ReleaseKeyring {
        let first = try signingKey().flatMap { Hexadecimal.bytes($0) }.flatMap { PublicKey(bytes: $0) }
        return ReleaseKeyring(pinned: first.map { [$0] } ?? [], set: try keySets(limit: 1).first.map { try ReleaseKeySet($0.text) })
    }
}

internal import Runtime
package import Signing
internal import Text
package import TrustedReleases

/// The file of the fleet's signing keys, which only its owner can read. Each line is a private key: 64 hexadecimal digits, an Ed25519 seed. During a
/// rotation the file has two. A line `public`, a blank and 64 digits is the public key of a private key that is kept on another machine.
package struct SigningKeyFile {
    package struct Line {
        package let publicKey: PublicKey
        let seed: [UInt8]?  // `nil`: the private key is on another machine
    }

    package let path: String
    package private(set) var lines: [Line] = []

    /// - Throws: `FileError` if the file cannot be read; `SigningError` if a line is not a key.
    package init(_ path: String) throws {
        self.path = path
        let remedy = "expected 64 hexadecimal digits; restore the file from a backup, because devices trust no other key"
        for (index, line) in try Files.readTrimmed(path).split(whereSeparator: \.isNewline).enumerated() {
            let words = line.split(separator: " ")
            let isPublic = words.count == 2 && words[0] == "public"
            guard words.count == 1 || isPublic, let bytes = Hexadecimal.bytes(words[words.count - 1]), bytes.count == 32,
                let publicKey = isPublic ? PublicKey(bytes: bytes) : try PrivateKey(seed: bytes).publicKey
            else { throw SigningError.keyFile(path: path, line: index + 1, remedy: remedy) }
            lines.append(Line(publicKey: publicKey, seed: isPublic ? nil : bytes))
        }
        if lines.isEmpty { throw SigningError.keyFile(path: path, line: nil, remedy: remedy) }
    }

    package var privateKeys: [PrivateKey] {
        get throws { try lines.compactMap { try $0.seed.map { try PrivateKey(seed: $0) } } }
    }

    private static func folder(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// Makes a file with a new key, unless the file exists.
    package static func make(_ path: String) throws {
        try Files.createFolder(folder(of: path))
        // The server and a command may make a key at once: `create` keeps the first file.
        _ = try Files.create(path, with: Array((Hexadecimal.text(PrivateKey.randomSeed()) + "\n").utf8), mode: 0o600)
    }

    /// Adds a new private key and stores the file.
    package mutating func addKey() throws -> PublicKey {
        let seed = try PrivateKey.randomSeed()
        let publicKey = try PrivateKey(seed: seed).publicKey
        try change { $0.append(Line(publicKey: publicKey, seed: seed)) }
        return publicKey
    }

    /// Removes revoked keys and adds the public keys of new keys that are on another machine. Stores the file if this changes it.
    package mutating func follow(_ ring: ReleaseKeyring) throws {
        let (trusted, revoked) = (ring.releaseKeys, ring.keySet?.revoked ?? [])
        try change { lines in
            lines.removeAll { revoked.contains($0.publicKey) }
            for key in trusted where !lines.contains(where: { $0.publicKey == key }) { lines.append(Line(publicKey: key, seed: nil)) }
        }
    }

    /// Changes the lines that the file has now. A lock keeps other processes from changing it at the same time, which could lose a new private key.
    private mutating func change(_ change: (inout [Line]) -> Void) throws {
        var wanted = lines
        change(&wanted)
        // A file that needs no change may be in a folder that cannot be written to.
        guard wanted.map(\.publicKey) != lines.map(\.publicKey) else { return }
        let lock = try FolderLock(SigningKeyFile.folder(of: path), name: "release-signing.lock", waits: true)
        try withExtendedLifetime(lock) {
            lines = try SigningKeyFile(path).lines
            change(&lines)
            try save()
        }
    }

    private func save() throws {
        let text = lines.map { ($0.seed.map { Hexadecimal.text($0) } ?? "public \($0.publicKey.hexadecimal)") + "\n" }.joined()
        try Files.replace(path, with: Array(text.utf8), mode: 0o600)
    }

    /// Copies the file for a backup: a cloud that is restored without its keys cannot sign releases that devices trust.
    package static func copy(from path: String, to target: String) throws {
        guard Files.exists(path) else { return }
        try Files.replace(target, with: Files.read(path, limit: 4_096), mode: 0o600)
    }
}

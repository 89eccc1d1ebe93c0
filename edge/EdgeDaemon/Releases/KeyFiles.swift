internal import Runtime
package import Signing
package import TrustedReleases

/// The keys that this device trusts: the pinned keys in `release-keys` (from an enrolment or `vaho-edge model trust`) and in the configured file, and
/// the newest accepted key set in `release-key-set`.
package struct KeyFiles: Sendable {
    private let folder: String
    private let configured: String?  // VAHO_RELEASE_KEY_FILE
    var unsaved: ReleaseKeySet?  // an accepted set that could not be stored, for example on a full disk

    package init(folder: String, configured: String?) { (self.folder, self.configured) = (folder, configured) }

    private var pinnedPath: String { "\(folder)/release-keys" }
    private var setPath: String { "\(folder)/release-key-set" }

    package func pinned() throws -> [PublicKey] {
        var keys: [PublicKey] = []
        for path in [configured, pinnedPath].compactMap({ $0 }) where path == configured || Files.exists(path) {
            keys += try ReleaseKeyFile.keys(String(decoding: Files.read(path, limit: 65_536), as: UTF8.self), path: path)
        }
        return keys
    }

    /// A damaged set counts as none: the device fetches the sets again.
    /// - Throws: `FileError` if a file cannot be read now: a key that the set revokes must not be trusted meanwhile.
    package func ring() throws -> ReleaseKeyring {
        var set: ReleaseKeySet?
        do { set = try storedSet() } catch is KeySetRefusal {}
        if let unsaved, unsaved.serial > set?.serial ?? 0 { set = unsaved }
        return ReleaseKeyring(pinned: try pinned(), set: set)
    }

    /// - Returns: `nil` before the first set.
    /// - Throws: `KeySetRefusal` if the file is damaged.
    func storedSet() throws -> ReleaseKeySet? {
        guard Files.exists(setPath) else { return nil }
        let set = try ReleaseKeySet(String(decoding: Files.read(setPath, limit: ReleaseKeySet.byteLimit), as: UTF8.self))
        // The signature is checked again only to detect damage. The key that has signed the set may be one of those that the set revokes.
        guard set.isSigned(by: try pinned() + set.keys + set.roots + set.revoked) else { throw KeySetRefusal.signature(mustBeRoot: false) }
        return set
    }

    func save(_ set: ReleaseKeySet) throws { try Files.replace(setPath, with: Array(set.text.utf8)) }

    /// Replaces the pinned keys by hand. Deletes the key set, whose root keys would refuse the sets of another cloud.
    package func replacePinned(_ text: String) throws {
        try Files.createFolder(folder)
        try Files.replace(pinnedPath, with: Array(text.utf8))
        if Files.exists(setPath) { try Files.remove(setPath) }
    }
}

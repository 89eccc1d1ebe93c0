internal import Runtime
package import Signing
package import TrustedReleases

/// The keys that this device trusts: the pinned keys in `release-keys` (from an enrolment or `vaho-edge model trust`) and in the configured file, and
/// the newest accepted key set in `release-key-set`.
package struct KeyFiles: Sendable {
    private let folder: String
    private let configured: String?  // VAHO_RELEASE_KEY_FILE

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

    /// A set that cannot be read counts as none: the device fetches the sets again.
    package func ring() throws -> ReleaseKeyring { ReleaseKeyring(pinned: try pinned(), set: try? storedSet()) }

    /// - Returns: `nil` before the first set.
    /// - Throws: `KeySetRefusal` if the file is damaged. A damaged key does not match any signature.
    func storedSet() throws -> ReleaseKeySet? {
        guard Files.exists(setPath) else { return nil }
        let set = try ReleaseKeySet(String(decoding: Files.read(setPath, limit: ReleaseKeySet.byteLimit), as: UTF8.self))
        // A set that revokes the key which signed it is signed by a key that is no longer trusted.
        guard set.isSigned(by: try pinned() + set.keys + set.roots + set.revoked) else { throw KeySetRefusal.signature(mustBeRoot: false) }
        return set
    }

    func save(_ set: ReleaseKeySet) throws { try Files.replace(setPath, with: Array(set.text.utf8)) }

    /// Replaces the pinned keys by hand. The key set goes too: its roots would refuse the sets of another cloud.
    package func replacePinned(_ text: String) throws {
        try Files.createFolder(folder)
        try Files.replace(pinnedPath, with: Array(text.utf8))
        if Files.exists(setPath) { try Files.remove(setPath) }
    }
}

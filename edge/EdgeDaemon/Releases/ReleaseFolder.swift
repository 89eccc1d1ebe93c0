internal import Releases
internal import Runtime
internal import Signing
internal import TrustedReleases

/// The files of releases and keys in the state folder: `release.vaho` in use, `release-previous.vaho` the last good one, `release-keys` the
/// trusted public keys from `vaho-edge model trust` or an enrolment.
struct ReleaseFolder: Sendable {
    let path: String
    let keyFile: String?  // a configured file of keys, in addition to `release-keys`

    private var inUse: String { "\(path)/release.vaho" }
    private var previous: String { "\(path)/release-previous.vaho" }
    static func trustedKeysPath(in folder: String) -> String { "\(folder)/release-keys" }

    /// The files to load at the start, in order of preference.
    var candidates: [String] { [inUse, previous].filter { Files.exists($0) } }

    func read(_ file: String) throws -> [UInt8] { try Files.read(file, limit: ReleaseFile.limit) }

    func trust() throws -> ReleaseTrust { .signed(by: try ReleaseFolder.trustedKeys(keyFile: keyFile, folder: path)) }

    /// The keys in the configured file, and the keys in the state folder.
    static func trustedKeys(keyFile: String?, folder: String) throws -> [PublicKey] {
        var keys: [PublicKey] = []
        for path in [keyFile, trustedKeysPath(in: folder)].compactMap({ $0 }) where path == keyFile || Files.exists(path) {
            keys += try ReleaseKeyFile.keys(String(decoding: Files.read(path, limit: 65_536), as: UTF8.self), path: path)
        }
        return keys
    }

    /// Writes a release beside the release in use.
    func stage(_ bytes: [UInt8]) throws { try Files.write(inUse + ".new", bytes, mode: 0o644) }

    /// Replaces the release in use by the staged one.
    /// - Parameter good: the release in use until now; it becomes the last good one.
    func activateStaged(replacing good: [UInt8]?) throws {
        if let good { try Files.replace(previous, with: good) }
        try Files.rename(inUse + ".new", to: inUse)
    }
}

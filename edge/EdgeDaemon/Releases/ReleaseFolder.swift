internal import Releases
internal import Runtime
internal import Text
internal import TrustedReleases
internal import Wire

/// The files of releases in the state folder: `release-slots`, and a file `release-….vaho` for each release that the slots name.
struct ReleaseFolder: Sendable {
    let path: String
    var keys: KeyFiles

    private var slotsPath: String { "\(path)/release-slots" }
    private static func fileName(_ name: ReleaseReference) -> String { "release-\(Hexadecimal.text(name.sha256.prefix(8))).vaho" }

    func trust() throws -> ReleaseTrust { try keys.ring().trust }

    // MARK: releases

    func read(_ name: ReleaseReference) throws -> [UInt8] { try read(file: "\(path)/\(ReleaseFolder.fileName(name))") }
    func read(file: String) throws -> [UInt8] { try Files.read(file, limit: ReleaseFile.limit) }
    func write(_ name: ReleaseReference, _ bytes: [UInt8]) throws { try Files.replace("\(path)/\(ReleaseFolder.fileName(name))", with: bytes) }

    /// Whether a release file will never be usable again: the file does not exist, or its content is damaged. Other errors, such as a failed read or a
    /// key that is not trusted now, can go away.
    func isLost(_ name: ReleaseReference, _ error: any Error) -> Bool {
        guard Files.exists("\(path)/\(ReleaseFolder.fileName(name))") else { return true }
        return ["hash", "format", "length"].contains((error as? ReleaseRefusal)?.reason)
    }

    /// Deletes the files of releases that the slots do not name. A file that cannot be deleted now is deleted after a later change.
    func deleteUnused(_ slots: ReleaseSlots) {
        let used = [slots.active?.name, slots.lastGood].compactMap { $0.map(ReleaseFolder.fileName) }
        for file in (try? Files.list(path)) ?? [] where file.hasPrefix("release") && file.hasSuffix(".vaho") && !used.contains(file) {
            try? Files.remove("\(path)/\(file)")
        }
    }

    // MARK: slots

    /// - Returns: `nil` if the file does not exist.
    /// - Throws: `MalformedBytes` if the file is damaged.
    func slots() throws -> ReleaseSlots? {
        guard Files.exists(slotsPath) else { return nil }
        return try ReleaseSlots(binary: Files.read(slotsPath, limit: ReleaseSlots.byteLimit))
    }

    func save(_ slots: ReleaseSlots) throws { try Files.replace(slotsPath, with: slots.binary()) }

    /// All release files in the folder. Used when `release-slots` is damaged or missing, as after an update from a version that stored `release.vaho`
    /// and `release-previous.vaho`.
    func releaseFiles() -> [String] {
        ((try? Files.list(path)) ?? []).filter { $0.hasPrefix("release") && $0.hasSuffix(".vaho") }.sorted().map { "\(path)/\($0)" }
    }
}

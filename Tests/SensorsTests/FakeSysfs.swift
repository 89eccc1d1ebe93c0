import Foundation

/// A sysfs tree in a temporary folder.
final class FakeSysfs: Sendable {
    let root = FileManager.default.temporaryDirectory.path + "/vaho-sysfs-\(UInt64.random(in: 0...(.max)))"
    func write(_ path: String, _ text: String) throws {
        let file = URL(fileURLWithPath: root + "/" + path)
        try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try text.write(to: file, atomically: true, encoding: .utf8)
    }
    /// Entries of a bus or class are links into the device tree, as in the kernel.
    func link(_ path: String, to target: String) throws {
        let file = URL(fileURLWithPath: root + "/" + path)
        try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(atPath: file.path, withDestinationPath: root + "/" + target)
    }
    func remove(_ path: String) throws { try FileManager.default.removeItem(atPath: root + "/" + path) }
    deinit { try? FileManager.default.removeItem(atPath: root) }
}

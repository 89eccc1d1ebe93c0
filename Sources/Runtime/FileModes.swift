internal import Glibc
internal import Synchronization

/// Access rights of the files that the program writes, independent of the inherited umask.
package enum FileModes {
    private static let inherited = Mutex<mode_t?>(nil)

    /// From now on, only the user and the group can access new files. Call once, at the start.
    package static func makeNewFilesPrivate() { inherited.withLock { $0 = $0 ?? umask(0o027) } }

    /// The inherited umask in octal, for commands that the user has configured: these commands create their own files.
    static var inheritedUmask: String? { inherited.withLock { $0.map { String($0, radix: 8) } } }
}

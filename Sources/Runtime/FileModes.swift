internal import Glibc
internal import Synchronization

/// Who may read what the program writes, whatever umask it was started with.
package enum FileModes {
    private static let inherited = Mutex<mode_t?>(nil)

    /// Others than the user and the group get nothing from here on. Once, at the start.
    package static func keepPrivate() { inherited.withLock { $0 = $0 ?? umask(0o027) } }

    /// For commands of the user's, which make their own files: the umask that the program was started with, in octal.
    static var forCommands: String? { inherited.withLock { $0.map { String($0, radix: 8) } } }
}

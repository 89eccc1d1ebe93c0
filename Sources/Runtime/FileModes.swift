internal import Glibc
internal import Synchronization

/// Who may read what the program writes, whatever umask it was started with.
package enum FileModes {
    private static let inherited = Mutex<mode_t?>(nil)

    /// From now on new files are closed to all but their user and group. Called once, at the start.
    package static func keepPrivate() { inherited.withLock { $0 = $0 ?? umask(0o027) } }

    /// For commands that the user has configured, which make files of their own: the umask that the program was started with, in octal.
    static var forCommands: String? { inherited.withLock { $0.map { String($0, radix: 8) } } }
}

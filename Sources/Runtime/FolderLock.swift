internal import Glibc

/// Keeps a second program out of a folder as long as it lives; the system lets go of it however the program ends.
@safe package final class FolderLock {
    private let descriptor: Int32

    /// - Throws: `FolderInUse` unless it is waited for, or `FileError` where the lock file cannot be made.
    package init(_ folder: String, name: String = "lock", isWaitedFor: Bool = false) throws {
        let path = "\(folder)/\(name)"
        descriptor = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o640)
        guard descriptor >= 0 else { throw FileError("open", path, errno) }
        guard flock(descriptor, isWaitedFor ? LOCK_EX : LOCK_EX | LOCK_NB) == 0 else { throw FolderInUse(folder: folder) }
    }

    deinit { close(descriptor) }
}

package struct FolderInUse: Error, CustomStringConvertible {
    package let folder: String
    package var description: String { "\(folder) is in use by another process of this program: stop that one, or name another folder" }
}

internal import Glibc

/// An exclusive lock on a folder for one process. The system releases the lock when the process ends in any way.
@safe package final class FolderLock {
    private let descriptor: Int32

    /// - Throws: `FolderInUse` if the folder is locked and `waits` is false; `FileError` if the lock file cannot be created.
    package init(_ folder: String, name: String = "lock", waits: Bool = false) throws {
        let path = "\(folder)/\(name)"
        descriptor = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o640)
        guard descriptor >= 0 else { throw FileError("open", path, errno) }
        guard flock(descriptor, waits ? LOCK_EX : LOCK_EX | LOCK_NB) == 0 else { throw FolderInUse(folder: folder) }
    }

    deinit { close(descriptor) }
}

package struct FolderInUse: Error, CustomStringConvertible {
    package let folder: String
    package var description: String { "\(folder) is in use by another process of this program: stop that process, or choose another folder" }
}

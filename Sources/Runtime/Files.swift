internal import Glibc

/// A file operation failed: the path, the operation and the system's error code.
package struct FileError: Error, CustomStringConvertible {
    package let path: String
    package let operation: String
    package let code: Int32

    package init(_ operation: String, _ path: String, _ code: Int32) {
        self.path = path
        self.operation = operation
        self.code = code
    }

    /// Whether the file is larger than the caller allows.
    package var isTooLarge: Bool { code == EFBIG }
    package var isMissing: Bool { code == ENOENT || code == ENOTDIR }
    /// Whether the disk is full, read-only or failing now. The disk may recover later.
    package var isDiskFailure: Bool { [ENOSPC, EDQUOT, EROFS, EIO].contains(code) }

    package var description: String { "cannot \(operation) \(path): \(FileError.message(code))" }

    static func message(_ code: Int32) -> String {
        if code == EFBIG { return "it is larger than allowed" }
        return unsafe strerror(code).map { unsafe String(cString: $0) } ?? "error \(code)"
    }
}

package enum Files {
    /// The content of a file; an error if it has more than `limit` bytes.
    package static func read(_ path: String, limit: Int) throws(FileError) -> [UInt8] {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileError("read", path, errno) }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4_096)
        while true {
            let count = unsafe chunk.withUnsafeMutableBytes { unsafe Glibc.read(descriptor, $0.baseAddress, $0.count) }
            if count < 0 {
                let code = errno
                if code == EINTR { continue }
                throw FileError("read", path, code)
            }
            if count == 0 { return bytes }
            guard bytes.count + count <= limit else { throw FileError("read", path, EFBIG) }
            bytes.append(contentsOf: chunk[..<count])
        }
    }

    /// The path of a file installed with the programs: beside the executable, or in share/vaho of the same prefix.
    package static func installedPath(_ name: String) -> String? {
        var path = [CChar](repeating: 0, count: 4_096)
        let count = unsafe readlink("/proc/self/exe", &path, path.count)
        guard count > 0, count < path.count else { return nil }
        let bytes = path[..<count].map { UInt8(bitPattern: $0) }
        guard let slash = bytes.lastIndex(of: UInt8(ascii: "/")) else { return nil }
        let folder = String(decoding: bytes[..<slash], as: UTF8.self)
        return ["\(folder)/\(name)", "\(folder)/../share/vaho/\(name)"].first { exists($0) }
    }

    /// Calls `body` for each block of a file from an offset on. Skips blocks that the disk cannot read, and a last incomplete block.
    package static func forEachBlock(of path: String, from offset: Int, size: Int, _ body: (ArraySlice<UInt8>) throws -> Void) throws {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileError("read", path, errno) }
        defer { close(descriptor) }
        let end = Int(lseek(descriptor, 0, SEEK_END))
        var position = offset
        var chunk = [UInt8](repeating: 0, count: size * max(1, 65_536 / size))
        while position + size <= end {
            let count = unsafe chunk.withUnsafeMutableBytes { unsafe pread(descriptor, $0.baseAddress, $0.count, position) }
            let code = errno
            switch count {
            case size...:
                for block in 0..<(count / size) { try body(chunk[(block * size)..<((block + 1) * size)]) }
                position += count / size * size
            case 0: return  // the file has become shorter
            default:
                if count < 0 {
                    if code == EINTR { continue }
                    guard code == EIO else { throw FileError("read", path, code) }
                }
                // Read block by block from here on, to get the good blocks before the bad one.
                if chunk.count > size { chunk.removeLast(chunk.count - size) } else { position += size }
            }
        }
    }

    /// The text of a small file without surrounding white space.
    package static func readTrimmed(_ path: String, limit: Int = 4_096) throws(FileError) -> String {
        var bytes = try read(path, limit: limit)
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { bytes.removeFirst(3) }  // a byte order mark
        func isBlank(_ byte: UInt8) -> Bool { byte == 32 || (9...13).contains(byte) || byte == 0 }
        guard let first = bytes.firstIndex(where: { !isBlank($0) }), let last = bytes.lastIndex(where: { !isBlank($0) }) else { return "" }
        return String(decoding: bytes[first...last], as: UTF8.self)
    }

    /// Replaces a file atomically: after a crash the file has either the old or the new content. Writes a temporary file, fsync, rename, fsync of
    /// the folder.
    package static func replace(_ path: String, with bytes: [UInt8], mode: UInt32 = 0o644) throws(FileError) {
        let temporary = path + ".new"
        do throws(FileError) {
            try write(temporary, bytes, mode: mode)
            try rename(temporary, to: path)
        } catch {
            _ = unsafe unlink(temporary)  // a partial file would use space on a full disk
            throw error
        }
    }

    /// Creates a file atomically if it does not exist. Of several concurrent attempts, one succeeds.
    /// - Returns: false if the file exists.
    package static func create(_ path: String, with bytes: [UInt8], mode: UInt32) throws(FileError) -> Bool {
        let temporary = "\(path).\(getpid())-\(UInt32.random(in: 0...(.max)))"
        try write(temporary, bytes, mode: mode)
        let code = unsafe Glibc.link(temporary, path) == 0 ? 0 : errno
        _ = unsafe unlink(temporary)
        guard code == 0 else {
            guard code == EEXIST else { throw FileError("make", path, code) }
            return false
        }
        try syncFolder(of: path)
        return true
    }

    /// Writes a new file. An existing file or symbolic link with this name is removed first and not followed.
    package static func write(_ path: String, _ bytes: [UInt8], mode: UInt32) throws(FileError) {
        if unsafe unlink(path) != 0, errno != ENOENT { throw FileError("replace", path, errno) }
        let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode)
        guard descriptor >= 0 else { throw FileError("write", path, errno) }
        defer { close(descriptor) }
        guard fchmod(descriptor, mode) == 0 else { throw FileError("write", path, errno) }
        var done = 0
        while done < bytes.count {
            let count = unsafe bytes.withUnsafeBytes {
                unsafe Glibc.write(descriptor, $0.baseAddress?.advanced(by: done), $0.count - done)
            }
            if count < 0 {
                let code = errno
                if code == EINTR { continue }
                throw FileError("write", path, code)
            }
            done += count
        }
        guard fsync(descriptor) == 0 else { throw FileError("write", path, errno) }
    }

    /// Removes permissions that `mode` does not contain from a file, if the file exists and belongs to this user.
    package static func restrictPermissions(_ path: String, to mode: UInt32) {
        var status = stat()
        guard unsafe stat(path, &status) == 0, status.st_uid == geteuid(), status.st_mode & 0o777 & ~mode != 0 else { return }
        _ = unsafe chmod(path, status.st_mode & mode)
    }

    package static func rename(_ path: String, to target: String) throws(FileError) {
        guard unsafe Glibc.rename(path, target) == 0 else { throw FileError("rename", path, errno) }
        try syncFolder(of: target)
    }

    package static func remove(_ path: String) throws(FileError) {
        guard unsafe unlink(path) == 0 else { throw FileError("remove", path, errno) }
    }

    /// Identifies the file at a path: a different stamp means that the file was replaced. `nil` if there is no file.
    package static func stamp(_ path: String) -> String? {
        var found = stat()
        guard unsafe stat(path, &found) == 0 else { return nil }
        return "\(found.st_ino) \(found.st_mtim.tv_sec) \(found.st_mtim.tv_nsec)"
    }

    package static func exists(_ path: String) -> Bool { unsafe access(path, F_OK) == 0 }

    /// The path without links and dots; `nil` if nothing exists there.
    package static func resolved(_ path: String) -> String? {
        guard let found = unsafe realpath(path, nil) else { return nil }
        defer { unsafe free(found) }
        return unsafe String(cString: found)
    }

    /// Creates the folder and its parent folders.
    package static func createFolder(_ path: String, mode: UInt32 = 0o750) throws(FileError) {
        var made = path.utf8.first == 47 ? "/" : ""
        for part in path.split(separator: "/") {
            made += made.isEmpty || made == "/" ? String(part) : "/" + part
            if unsafe mkdir(made, mode) != 0, errno != EEXIST { throw FileError("make the folder", made, errno) }
        }
    }

    package static func list(_ path: String) throws(FileError) -> [String] {
        guard let folder = unsafe opendir(path) else { throw FileError("list", path, errno) }
        defer { unsafe closedir(folder) }
        var names: [String] = []
        while let entry = unsafe readdir(folder) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
                unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    private static func syncFolder(of path: String) throws(FileError) {
        let end = path.utf8.lastIndex(of: 47)
        let folder = end.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        let descriptor = unsafe open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileError("sync", folder, errno) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw FileError("sync", folder, errno) }
    }
}

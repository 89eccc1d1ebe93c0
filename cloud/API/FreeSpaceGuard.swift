internal import Glibc
internal import Synchronization

/// Refuses new data while the archive's disk has less free space than a limit. A full disk would stop other programs and all devices, not only
/// the device that filled the disk.
package final class FreeSpaceGuard: Sendable {
    /// The disk has less free space than the limit. New data is refused until more space is free.
    package struct InsufficientSpace: Error, CustomStringConvertible {
        let freeBytes: Int64
        let minimumFreeBytes: Int64
        package var description: String {
            "the archive's disk has \(freeBytes / 1_000_000) MB of free space, less than the limit of \(minimumFreeBytes / 1_000_000) MB"
                + " (VAHO_STORE_FREE_MB): new data is refused until more space is free"
        }
    }

    private let folder: String?
    private let minimumFreeBytes: Int64
    private let state = Mutex<(free: Int64?, at: ContinuousClock.Instant)>((nil, .now))

    /// - Parameters:
    ///   - folder: the folder of the archive; `nil` if the archive is on a database server, whose disk cannot be seen from here.
    ///   - minimumFreeBytes: the least free space; 0 disables the check.
    package init(folder: String?, minimumFreeBytes: Int64) {
        self.folder = folder
        self.minimumFreeBytes = minimumFreeBytes
    }

    /// The free space, measured at most once a second; `nil` if the measurement fails.
    package var freeBytes: Int64? {
        guard let folder else { return nil }
        return state.withLock { state in
            if state.free == nil || state.at < .now - .seconds(1) { state = (FreeSpaceGuard.measureFreeBytes(folder), .now) }
            return state.free
        }
    }

    package func check() throws(InsufficientSpace) {
        guard minimumFreeBytes > 0, let free = freeBytes, free < minimumFreeBytes else { return }
        throw InsufficientSpace(freeBytes: free, minimumFreeBytes: minimumFreeBytes)
    }

    private static func measureFreeBytes(_ folder: String) -> Int64? {
        var status = statvfs()
        guard statvfs(folder, &status) == 0 else { return nil }
        return Int64(clamping: UInt64(status.f_bavail) * UInt64(status.f_frsize))
    }
}

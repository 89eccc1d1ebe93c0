internal import Glibc
internal import Synchronization

/// Keeps a floor of free disk below the archive: a full disk would stop more than this program, and not only the one device that
/// filled it.
package final class StoreSpace: Sendable {
    /// The disk has less room than the floor. Nothing is taken until there is more.
    package struct Low: Error, CustomStringConvertible {
        let freeBytes: Int64
        let floorBytes: Int64
        package var description: String {
            "the disk of the archive has \(freeBytes / 1_000_000) MB left, less than the \(floorBytes / 1_000_000) MB that stay free"
                + " (VAHO_STORE_FREE_MB): nothing is taken until there is room"
        }
    }

    private let folder: String
    private let floorBytes: Int64
    private let state = Mutex<(free: Int64?, at: ContinuousClock.Instant)>((nil, .now))

    /// - Parameter floorBytes: 0 for none.
    package init(folder: String, floorBytes: Int64) {
        self.folder = folder
        self.floorBytes = floorBytes
    }

    /// Asked of the system at most once a second; `nil` where it cannot tell.
    package var freeBytes: Int64? {
        state.withLock { state in
            if state.free == nil || state.at < .now - .seconds(1) { state = (StoreSpace.measured(folder), .now) }
            return state.free
        }
    }

    package func check() throws(Low) {
        guard floorBytes > 0, let free = freeBytes, free < floorBytes else { return }
        throw Low(freeBytes: free, floorBytes: floorBytes)
    }

    private static func measured(_ folder: String) -> Int64? {
        var status = statvfs()
        guard statvfs(folder, &status) == 0 else { return nil }
        return Int64(clamping: UInt64(status.f_bavail) * UInt64(status.f_frsize))
    }
}

internal import Glibc

package enum OpenFiles {
    private static let others: UInt64 = 128  // database, log, sensors, connections out

    /// Raises the process's limit of open files as far as it may go.
    /// - Returns: connections that it leaves room for, at most those wanted.
    package static func raiseLimit(toFit connections: UInt32) -> UInt32 {
        var limit = rlimit()
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return connections }
        let wanted = UInt64(connections) + others
        if UInt64(limit.rlim_cur) < wanted {
            limit.rlim_cur = min(limit.rlim_max, rlim_t(wanted))
            _ = unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        }
        return UInt32(clamping: min(UInt64(connections), max(16, UInt64(limit.rlim_cur) - min(UInt64(limit.rlim_cur), others))))
    }
}

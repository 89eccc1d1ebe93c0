internal import Glibc

package enum OpenFiles {
    private static let others: UInt64 = 128  // files reserved for database, log, sensors, outgoing connections

    /// Raises the process's limit of open files if needed, up to the hard limit.
    /// - Returns: the number of connections that fit the limit, at most `connections`.
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

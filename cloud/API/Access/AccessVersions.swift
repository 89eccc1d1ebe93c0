internal import Archive
internal import Synchronization

/// The archive's access version, read at most twice a second. The result of a lookup is valid until the version changes.
final class AccessVersions: Sendable {
    private static let validity: Duration = .milliseconds(500)  // a revoked token may be accepted for this long
    private let reader: Archive
    private let last = Mutex<(version: Int64, at: ContinuousClock.Instant)?>(nil)

    init(reader: Archive) { self.reader = reader }

    func current() async throws -> Int64 {
        if let last = last.withLock({ $0 }), last.at > .now - AccessVersions.validity { return last.version }
        let version = try await reader.accessVersion()
        last.withLock { $0 = (version, .now) }
        return version
    }
}

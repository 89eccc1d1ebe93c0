internal import Archive
internal import Signing
internal import Synchronization

/// Tokens that have opened lately: a batch a minute from each of ten thousand devices must not ask the database each time,
/// and whose body may be taken in is decided by the headers alone.
final class TokenCache: Sendable {
    private struct Entry {
        let device: Archive.Device
        let at: ContinuousClock.Instant
    }

    private static let validity: Duration = .seconds(2)  // a revocation is felt after at most that
    private static let memory: Duration = .seconds(86_400)
    private static let limit = 50_000
    private let entries = Mutex<[[UInt8]: Entry]>([:])

    func device(_ token: String) -> Archive.Device? {
        let hash = SHA256.digest(Array(token.utf8))
        return entries.withLock { entries in
            guard let entry = entries[hash], entry.at > .now - TokenCache.validity else { return nil }
            return entry.device
        }
    }

    func keep(_ token: String, _ device: Archive.Device) {
        let hash = SHA256.digest(Array(token.utf8))
        entries.withLock { entries in
            if entries.count >= TokenCache.limit { entries = entries.filter { $0.value.at > .now - .seconds(60) } }
            entries[hash] = Entry(device: device, at: .now)
        }
    }

    func forget(_ token: String) {
        let hash = SHA256.digest(Array(token.utf8))
        entries.withLock { $0[hash] = nil }
    }

    /// Whether the sender of these headers was let in within the last day.
    func knows(_ headers: [String: String]) -> Bool {
        guard let token = TokenCache.bearer(headers) else { return false }
        let hash = SHA256.digest(Array(token.utf8))
        return entries.withLock { entries in entries[hash].map { $0.at > .now - TokenCache.memory } ?? false }
    }

    static func bearer(_ headers: [String: String]) -> String? {
        guard let header = headers["authorization"], header.lowercased().hasPrefix("bearer ") else { return nil }
        return String(header.dropFirst(7))
    }
}

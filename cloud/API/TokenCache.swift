internal import Archive
internal import Signing
internal import Synchronization

/// Tokens that were accepted recently. The cache exists because ten thousand devices send a batch a minute each, and a database query for each batch
/// costs too much; and because the server decides by the headers alone whether to read a request's body.
///
/// An entry is valid while the archive's access version is the version at which the entry was looked up: see `AccessVersions`.
final class TokenCache: Sendable {
    private struct Entry {
        let device: Archive.Device
        let version: Int64
        var at: ContinuousClock.Instant
    }

    private struct State {
        var entries: [[UInt8]: Entry] = [:]
    }

    private static let memory: Duration = .seconds(86_400)
    private static let limit = 50_000
    private let state = Mutex(State())

    func device(_ token: String, version: Int64) -> Archive.Device? {
        let hash = TokenCache.hash(token)
        return state.withLock { state in
            guard state.entries[hash]?.version == version else { return nil }
            state.entries[hash]?.at = .now
            return state.entries[hash]?.device
        }
    }

    func keep(_ token: String, _ device: Archive.Device, version: Int64) {
        let hash = TokenCache.hash(token)
        state.withLock { state in
            if state.entries.count >= TokenCache.limit {
                state.entries = state.entries.filter { $0.value.at > .now - .seconds(60) }
                if state.entries.count >= TokenCache.limit { state.entries = [:] }
            }
            state.entries[hash] = Entry(device: device, version: version, at: .now)
        }
    }

    /// Loads the tokens of known devices, so that devices are recognised from their first request after a start. Otherwise unknown clients could use
    /// up the memory for request bodies.
    func preload(_ archive: Archive) async throws {
        let version = try await archive.accessVersion()
        let tokens = try await archive.tokens(limit: TokenCache.limit / 2)
        state.withLock { state in
            for token in tokens { state.entries[token.sha256] = Entry(device: token.device, version: version, at: .now) }
        }
    }

    func forget(_ token: String) {
        let hash = TokenCache.hash(token)
        state.withLock { $0.entries[hash] = nil }
    }

    /// Whether these headers contain a token that was accepted within the last day.
    func hasKnownToken(_ headers: [String: String]) -> Bool {
        guard let token = TokenCache.bearerToken(headers) else { return false }
        let hash = TokenCache.hash(token)
        return state.withLock { state in state.entries[hash].map { $0.at > .now - TokenCache.memory } ?? false }
    }

    private static func hash(_ token: String) -> [UInt8] { SHA256.digest(Array(token.utf8)) }

    static func bearerToken(_ headers: [String: String]) -> String? {
        guard let header = headers["authorization"], header.lowercased().hasPrefix("bearer ") else { return nil }
        return String(header.dropFirst(7))
    }
}

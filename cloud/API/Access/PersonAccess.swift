internal import APIDocuments
internal import Access
internal import Archive
internal import HTTPServer
internal import Measures
internal import Runtime
internal import Signing
internal import Synchronization

/// Identifies the sender of a request by, in this order: bearer token, header of an authenticating proxy, session cookie.
final class PersonAccess: Sendable {
    private let archive: Archive
    private let reader: Archive
    private let versions: AccessVersions
    private let settings: AccessSettings
    private let log: Log
    private let cache = Mutex<[[UInt8]: Entry]>([:])

    private struct Entry {
        let person: Principal.Person
        let version: Int64
        let until: Instant  // the token expires, the session ends, or its last use is recorded again
    }

    private static let cacheLimit = 10_000
    private static let recordPeriod: Duration = .seconds(300)  // how long a lookup is kept; the last use is recorded at a lookup

    init(archive: Archive, reader: Archive, versions: AccessVersions, settings: AccessSettings, log: Log) {
        (self.archive, self.reader, self.versions, self.settings, self.log) = (archive, reader, versions, settings, log)
    }

    /// - Returns: `nil` if nobody is signed in.
    /// - Throws: `Problem` for a token that is not valid.
    func person(of call: Call) async throws -> Principal.Person? {
        let request = call.request
        if let token = TokenCache.bearerToken(request.headers) { return try await person(withToken: token, call) }
        if let name = settings.proxyUser(of: request) {
            return Principal.Person(name: name, role: settings.proxyAdmins.contains(name) ? .admin : settings.proxyRole, proof: .proxy)
        }
        if let token = SessionCookie.token(in: request.headers["cookie"], isSecure: request.isSecure),
            let person = try await person(inSession: token, call)
        {
            return person
        }
        return anonymous
    }

    private var anonymous: Principal.Person? { settings.anonymousRole.map { Principal.Person(name: "anonymous", role: $0, proof: .anonymous) } }

    private func person(withToken token: String, _ call: Call) async throws -> Principal.Person {
        let hash = SHA256.digest(Array(token.utf8))
        if let expected = settings.operatorToken, isSameSecret(hash, expected) {
            return Principal.Person(name: "operator token", role: .admin, proof: .token)
        }
        let (now, version) = (call.receivedAt, try await versions.current())
        if let person = remembered(hash, version, now) { return person }
        guard let found = try await reader.apiToken(withSecret: token), found.expiresAt.map({ $0 > now }) ?? true else {
            guard try await reader.device(withToken: token) != nil else { throw AccessProblem.unknownToken }
            guard let anonymous else { throw AccessProblem.deviceToken }
            return anonymous
        }
        if found.usedAt.map({ now - $0 >= PersonAccess.recordPeriod }) ?? true {
            await recording { try await self.archive.markAPITokenUsed(found.name, now: now) }
        }
        let person = Principal.Person(name: "token \(found.name)", role: found.role, proof: .token)
        remember(
            hash, Entry(person: person, version: version, until: [found.expiresAt, now + PersonAccess.recordPeriod].compactMap { $0 }.min() ?? now))
        return person
    }

    private func person(inSession token: String, _ call: Call) async throws -> Principal.Person? {
        // The prefix keeps sessions and API tokens apart in the cache: the token of a session is not accepted as a bearer token.
        let hash = SHA256.digest(Array("session \(token)".utf8))
        let (now, version) = (call.receivedAt, try await versions.current())
        if let person = remembered(hash, version, now) { return person }
        guard let session = try await reader.session(token, now: now) else { return nil }
        if now - session.usedAt >= PersonAccess.recordPeriod { await recording { try await self.archive.markSessionUsed(token, now: now) } }
        let person = Principal.Person(name: session.name, role: session.role, proof: .session)
        remember(hash, Entry(person: person, version: version, until: min(session.endsAt, now + PersonAccess.recordPeriod)))
        return person
    }

    /// A full disk must not keep anybody from reading.
    private func recording(_ record: () async throws -> Void) async {
        do { try await record() } catch { log(.warning, "last use not recorded", ["error": "\(error)"]) }
    }

    private func remembered(_ hash: [UInt8], _ version: Int64, _ now: Instant) -> Principal.Person? {
        cache.withLock { cache in cache[hash].flatMap { $0.version == version && $0.until > now ? $0.person : nil } }
    }

    private func remember(_ hash: [UInt8], _ entry: Entry) {
        cache.withLock { cache in
            if cache.count >= PersonAccess.cacheLimit { cache = [:] }
            cache[hash] = entry
        }
    }
}

extension AccessSettings {
    /// The person whom an authenticating proxy has named.
    fileprivate func proxyUser(of request: HTTPRequest) -> String? {
        guard let proxyUserHeader, proxies.trusts(request.connectionPeer), let name = request.headers[proxyUserHeader],
            (1...256).contains(name.utf8.count)
        else { return nil }
        return name
    }
}

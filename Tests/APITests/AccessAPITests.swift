import Access
import ArchiveExamples
import Foundation
import HTTPServer
import Measures
import Runtime
import Signing
import Testing
import Text
import Wire

@testable import API
@testable import Archive

/// Who may do what by HTTP, and attacks on it.
@Suite(.timeLimit(.minutes(2))) struct AccessAPITests {
    private let place = TemporaryArchive()
    private static let password = "four plain green words"
    /// With a low cost: many hashes at the usual cost would slow down the tests beside these.
    private static let hash = Result {
        let hash = try Scrypt.hash(password.utf8, salt: [7], Scrypt.Cost(rounds: 2, blockSize: 1, parallel: 1))
        return PasswordHash(text: "scrypt:2:1:1:07:\(Hexadecimal.text(hash))")
    }

    private struct Bench {
        let archive: Archive
        let respond: HTTPHandler
        let endpoints: [Endpoint]

        func send(
            _ method: String, _ path: String, query: [String: String] = [:], _ body: String = "", headers: [String: String] = [:],
            peer: String = "192.0.2.7", isSecure: Bool = false
        ) async -> HTTPResponse {
            var all = ["host": "vaho.example"]
            if !body.isEmpty { all["content-type"] = "application/json" }
            return await respond(
                HTTPRequest(
                    method: method, path: path, query: query, headers: all.merging(headers) { $1 }, peer: peer, isSecure: isSecure,
                    body: Array(body.utf8)))
        }

        /// Signs in from the page.
        func signIn(
            _ name: String, _ password: String = AccessAPITests.password, headers: [String: String] = [:], isSecure: Bool = false,
            peer: String = "192.0.2.7"
        ) async -> HTTPResponse {
            await send(
                "POST", "/v1/session", #"{"name": "\#(name)", "password": "\#(password)"}"#,
                headers: ["origin": "http://vaho.example"].merging(headers) { $1 }, peer: peer, isSecure: isSecure)
        }

        /// The headers of a request with the session of this person.
        func session(_ name: String) async throws -> [String: String] {
            let cookie = try #require(AccessAPITests.cookie(await signIn(name)))
            return ["cookie": String(cookie.prefix { $0 != ";" })]
        }
    }

    private static func cookie(_ response: HTTPResponse) -> String? { response.headers.first { $0.name == "Set-Cookie" }?.value }
    private static func text(_ response: HTTPResponse) -> String { String(decoding: response.body.bytes, as: UTF8.self) }

    /// An archive with the viewer nina and the admin otto.
    private func bench(
        _ settings: AccessSettings = AccessSettings(), people: [(String, Role)] = [("nina", .viewer), ("otto", .admin)], hash: PasswordHash? = nil
    ) async throws -> Bench {
        let archive = try await place.open()
        let hash = try #require(try hash ?? Self.hash.get())
        for (name, role) in people {
            try await archive.addPerson(name, role, hash, by: .named("test"), now: WallClock.now)
        }
        let reader = try await place.open(.readOnly)
        let api = CloudAPI.example(place, archive, reader: reader, access: settings)
        return Bench(archive: archive, respond: api.responder, endpoints: api.endpoints)
    }

    private static let admin = EndpointAccess.people(.admin)

    /// A path of the endpoint, with a value for each parameter.
    private static func path(_ endpoint: Endpoint) -> String {
        endpoint.path.split(separator: "/", omittingEmptySubsequences: false).map { $0.hasPrefix("{") ? "1" : $0 }.joined(separator: "/")
    }

    @Test func `nothing but liveness and the page for signing in is readable without signing in`() async throws {
        let bench = try await bench()
        #expect(bench.endpoints.count > 50)
        for endpoint in bench.endpoints where endpoint.access != .everyone {
            let response = await bench.send(endpoint.method, Self.path(endpoint))
            #expect(
                response.status == 401 && response.headers.contains { $0.name == "WWW-Authenticate" }, "\(endpoint.method) \(endpoint.path)")
        }
        let open = Set(bench.endpoints.filter { $0.access == .everyone && $0.query != nil }.map { "\($0.method) \($0.path)" })
        #expect(
            open == [
                "GET /livez", "GET /readyz", "POST /v1/enrol", "POST /v1/setup", "GET /v1/session", "POST /v1/session", "DELETE /v1/session",
            ])
        for path in ["/livez", "/readyz", "/", "/sign-in.html"] { #expect(await bench.send("GET", path).status == 200, "\(path)") }
    }

    @Test func `a viewer can read and cannot change anything, with a session or a token`() async throws {
        let bench = try await bench()
        let token = try await bench.archive.addAPIToken("grafana", .viewer, expiresAt: nil, by: .named("otto"), now: WallClock.now)
        for headers in [try await bench.session("nina"), ["authorization": "Bearer \(token)"]] {
            for path in ["/v1/devices", "/metrics", "/openapi.json"] {
                #expect(await bench.send("GET", path, headers: headers).status == 200, "\(path)")
            }
            for endpoint in bench.endpoints where endpoint.access == Self.admin {
                let response = await bench.send(
                    endpoint.method, Self.path(endpoint), headers: headers.merging(["origin": "http://vaho.example"]) { $1 })
                #expect(
                    response.status == 403 && Self.text(response).contains("role"),
                    "\(endpoint.method) \(endpoint.path): \(Self.text(response))")
            }
            let posts = bench.endpoints.filter { $0.access == .people(.viewer) && $0.method != "GET" }
            #expect(posts.map(\.path) == ["/v1/files/preview"], "a viewer changes nothing: a preview stores nothing")
        }
    }

    @Test func `an admin adds and removes users and tokens, and the audit log is complete`() async throws {
        let bench = try await bench()
        let headers = try await bench.session("otto").merging(["origin": "http://vaho.example"]) { $1 }
        func send(_ method: String, _ path: String, _ body: String = "") async -> HTTPResponse {
            await bench.send(method, path, body, headers: headers)
        }
        #expect(await send("POST", "/v1/users", #"{"name": "mara", "role": "viewer", "password": "\#(Self.password)"}"#).status == 201)
        #expect(await send("POST", "/v1/users", #"{"name": "mara", "role": "viewer", "password": "\#(Self.password)"}"#).status == 409)
        #expect(await send("PUT", "/v1/users/mara/password", #"{"password": "another good one"}"#).status == 204)
        #expect(await bench.signIn("mara", "another good one").status == 200)
        #expect(await send("DELETE", "/v1/users/mara").status == 204)
        #expect(await bench.signIn("mara", "another good one").status == 401)
        #expect(await send("DELETE", "/v1/users/mara").status == 404)
        #expect(Self.text(await send("DELETE", "/v1/users/otto")).contains("only admin"))
        let made = await send("POST", "/v1/tokens", #"{"name": "script", "role": "viewer", "expires_in": "P1D"}"#)
        let object = try #require(try JSONSerialization.jsonObject(with: Data(made.body.bytes)) as? [String: String])
        let token = try #require(object["token"])
        #expect(made.status == 201 && made.headers.contains { $0 == ("Cache-Control", "no-store") })
        #expect(await bench.send("GET", "/v1/devices", headers: ["authorization": "Bearer \(token)"]).status == 200)
        #expect(!Self.text(await send("GET", "/v1/tokens")).contains(token), "the secret is shown once")
        #expect(await send("DELETE", "/v1/tokens/script").status == 204)
        #expect(
            await statusAfterChange(from: 200) { await bench.send("GET", "/v1/devices", headers: ["authorization": "Bearer \(token)"]).status } == 401
        )

        let entries = try await bench.archive.audit(limit: 100).reversed().map { "\($0.author): \($0.action) \($0.subject)" }
        #expect(
            entries == [
                "test: user added nina", "test: user added otto", "otto: signed in otto", "otto: user added mara", "otto: password changed mara",
                "mara: signed in mara", "otto: user removed mara", "otto: token created script", "otto: token revoked script",
            ])
        let origins = try await bench.archive.audit(limit: 7).map(\.origin)
        #expect(origins == [String](repeating: "192.0.2.7", count: 7))
    }

    @Test(
        arguments: [
            ("POST", "/v1/users", #"{"name": "a b", "role": "viewer", "password": "four plain green words"}"#, "/name"),
            ("POST", "/v1/users", #"{"name": "mara", "role": "chief", "password": "four plain green words"}"#, "/role"),
            ("POST", "/v1/users", #"{"name": "mara", "role": "viewer", "password": "short"}"#, "/password"),
            ("POST", "/v1/users", #"{"name": "mara", "role": "viewer"}"#, "/password"),
            ("POST", "/v1/users", #"{"name": 7, "role": "viewer", "password": "x"}"#, "/name"),
            ("POST", "/v1/tokens", #"{"name": "t", "role": "viewer", "expires_in": "soon"}"#, "/expires_in"),
            ("POST", "/v1/tokens", "{", ""),
        ])
    func `a wrong body is refused with a pointer to the fault`(method: String, path: String, body: String, pointer: String) async throws {
        let bench = try await bench()
        let headers = try await bench.session("otto").merging(["origin": "http://vaho.example"]) { $1 }
        let response = await bench.send(method, path, body, headers: headers)
        #expect([400, 422].contains(response.status) && Self.text(response).contains("\"pointer\":\"\(pointer)\""), "\(Self.text(response))")
    }

    @Test func `an unknown query parameter is refused by name`() async throws {
        let bench = try await bench()
        let response = await bench.send("GET", "/v1/devices", query: ["limitt": "3"], headers: try await bench.session("nina"))
        #expect(response.status == 400 && Self.text(response).contains("«limitt»") && Self.text(response).contains("limit, order"))
    }

    // MARK: attacks

    @Test func `a request that another site has caused changes nothing`() async throws {
        let bench = try await bench()
        let session = try await bench.session("otto")
        for (headers, status) in [
            ([:], 403), (["origin": "https://evil.example"], 403), (["origin": "null"], 403), (["origin": "http://vaho.example.evil.example"], 403),
            (["sec-fetch-site": "cross-site", "origin": "http://vaho.example"], 403), (["sec-fetch-site": "same-site"], 403),
            (["origin": "https://vaho.example"], 200), (["sec-fetch-site": "same-origin"], 200),
        ] as [([String: String], Int)] {
            let response = await bench.send("PUT", "/v1/release-stop", #"{"reason": "x"}"#, headers: session.merging(headers) { $1 })
            #expect(response.status == status, "\(headers)")
            let signedIn = await bench.send(
                "POST", "/v1/session", #"{"name": "nina", "password": "\#(Self.password)"}"#, headers: headers)
            #expect(signedIn.status == status, "a session that another site has begun would be the attacker's: \(headers)")
        }
        let form = await bench.send(
            "POST", "/v1/session", "name=nina", headers: ["origin": "http://vaho.example", "content-type": "text/plain"])
        #expect(form.status == 415, "a form cannot sign in")
        #expect(await bench.send("DELETE", "/v1/session", headers: session).status == 403)
    }

    @Test func `guesses are limited for a name and for an address, and say the same for every name`() async throws {
        let bench = try await bench()
        var answers: Set<String> = []
        for number in 0..<12 {
            let response = await bench.signIn("nina", "guess number \(number)", peer: "198.51.100.4")
            #expect(response.status == (number < 10 ? 401 : 429), "\(number)")
            if response.status == 401 { answers.insert(Self.text(response)) }
            if response.status == 429 {
                let headers = Dictionary(response.headers.map { ($0.name, $0.value) }) { first, _ in first }
                let retryAfter = try #require(headers["Retry-After"])
                #expect(headers["RateLimit-Policy"]?.wholeMatch(of: /"sign-ins-per-[a-z-]+";q=\d+;w=\d+/) != nil)
                #expect(headers["RateLimit"]?.hasSuffix(";r=0;t=\(retryAfter)") == true)
            }
        }
        answers.insert(Self.text(await bench.signIn("nobody", "guess", peer: "198.51.100.5")))
        #expect(answers.count == 1)
        #expect(await bench.signIn("nina", peer: "203.0.113.77").status == 200, "guesses of others keep nobody out")
        var refused = 0
        // An IPv6 client has many addresses in one network.
        for number in 0..<24 {
            let name = ["nina", "otto"][number % 2]
            if await bench.signIn(name, "guess", peer: "2001:db8:1:2::\(number)").status == 429 { refused += 1 }
        }
        #expect(refused >= 3, "an address has 20 attempts at once")
    }

    @Test func `the answer takes as long for an unknown name as for a wrong password`() async throws {
        let bench = try await bench(hash: PasswordHash(Self.password))
        _ = await bench.signIn("nobody", "to warm up")
        func time(_ name: String, _ number: Int) async -> Duration {
            await ContinuousClock().measure { _ = await bench.signIn(name, "guess number", peer: "198.51.100.\(number)") }
        }
        var known: [Duration] = [], unknown: [Duration] = []
        for number in 0..<5 {
            known.append(await time("nina", number))
            unknown.append(await time("ghost", number))
        }
        let (a, b) = (known.sorted()[2], unknown.sorted()[2])
        #expect(max(a, b) < min(a, b) * 2 && min(a, b) > .milliseconds(20), "\(a), \(b): both compute a hash")
    }

    @Test func `each sign-in starts a new session, signing out ends the session, and an invented cookie has no session`() async throws {
        let bench = try await bench()
        let fixed = await bench.signIn("nina", headers: ["cookie": "vaho_session=vaho_chosen-by-an-attacker"])
        let first = try #require(Self.cookie(fixed))
        #expect(!first.contains("chosen"))
        #expect(await bench.send("GET", "/v1/devices", headers: ["cookie": "vaho_session=vaho_chosen-by-an-attacker"]).status == 401)
        let old = ["cookie": String(first.prefix { $0 != ";" })]
        let second = try #require(Self.cookie(await bench.signIn("nina", headers: old)))
        #expect(second != first)
        #expect(await bench.send("GET", "/v1/devices", headers: old).status == 401, "the session before has ended")
        let current = ["cookie": String(second.prefix { $0 != ";" })]
        let out = await bench.send("DELETE", "/v1/session", headers: current.merging(["origin": "http://vaho.example"]) { $1 })
        #expect(out.status == 204 && Self.cookie(out)?.contains("Max-Age=0") == true)
        #expect(await statusAfterChange(from: 200) { await bench.send("GET", "/v1/devices", headers: current).status } == 401)
    }

    @Test func `behind a trusted proxy with TLS the cookie is secure, and forwarded headers from other addresses are ignored`() async throws {
        var settings = AccessSettings()
        settings.proxies = try #require(TrustedProxies("10.0.0.0/8"))
        (settings.proxyUserHeader, settings.proxyAdmins) = ("x-forwarded-email", ["chief@museum.example"])
        let bench = try await bench(settings)
        let forwarded = ["x-forwarded-proto": "https", "x-forwarded-for": "198.51.100.9", "origin": "https://vaho.example"]
        let secure = try #require(Self.cookie(await bench.signIn("nina", headers: forwarded, peer: "10.0.0.1")))
        #expect(secure.hasPrefix("__Host-vaho_session=") && secure.contains("; Secure"))
        let plain = try #require(Self.cookie(await bench.signIn("nina", headers: forwarded, peer: "203.0.113.5")))
        #expect(plain.hasPrefix("vaho_session=") && !plain.contains("Secure"), "any client can send these headers")
        #expect(try await bench.archive.audit(containing: "signed in", limit: 2).map(\.origin) == ["203.0.113.5", "198.51.100.9"])

        let named = ["x-forwarded-email": "chief@museum.example"]
        #expect(await bench.send("GET", "/v1/audit", headers: named, peer: "10.0.0.1").status == 200)
        #expect(await bench.send("GET", "/v1/audit", headers: named, peer: "203.0.113.5").status == 401)
        #expect(await bench.send("GET", "/v1/devices", headers: ["x-forwarded-email": "guest@museum.example"], peer: "10.0.0.1").status == 200)
        #expect(await bench.send("GET", "/v1/audit", headers: ["x-forwarded-email": "guest@museum.example"], peer: "10.0.0.1").status == 403)
        #expect(await bench.send("PUT", "/v1/release-stop", headers: named, peer: "10.0.0.1").status == 403, "the proxy's cookie is ambient, too")
    }

    @Test func `expired tokens, tokens of devices and unknown tokens are refused with the reason`() async throws {
        let bench = try await bench()
        let expired = try await bench.archive.addAPIToken(
            "old", .admin, expiresAt: WallClock.now - .seconds(1), by: .named("otto"), now: WallClock.now)
        let device = try await bench.archive.addDevice(try #require(DeviceID("attic")), by: .named("otto"), now: WallClock.now)
        for (token, status, words) in [(expired, 401, "expired"), ("vaho_0", 401, "not known"), (device, 403, "token of a device")] {
            let response = await bench.send("GET", "/v1/devices", headers: ["authorization": "Bearer \(token)"])
            #expect(response.status == status && Self.text(response).contains(words))
        }
    }

    @Test func `the first admin is made once, by a logged code only, and not when there is an admin`() async throws {
        let bench = try await bench(people: [("nina", .viewer)])
        func code(_ seconds: Int64 = 60) async throws -> String {
            try await bench.archive.makeSetupCode(expiresAt: WallClock.now + .seconds(seconds), now: WallClock.now)
        }
        func setUp(_ code: String, name: String = "chief", password: String = Self.password, origin: String = "http://vaho.example") async
            -> HTTPResponse
        {
            await bench.send(
                "POST", "/v1/setup", #"{"code": "\#(code)", "name": "\#(name)", "password": "\#(password)"}"#, headers: ["origin": origin])
        }
        let (good, expired) = (try await code(), try await code(-1))
        #expect(await setUp("vaho_0").status == 403)
        #expect(await setUp(expired).status == 403)
        #expect(await setUp(good, origin: "https://evil.example").status == 403)
        #expect(await setUp(good, password: "short").status == 422)
        #expect(await setUp(good, name: "nina").status == 409)
        let made = await setUp(good)
        let cookie = try #require(Self.cookie(made)).prefix { $0 != ";" }
        #expect(made.status == 200)
        #expect(await bench.send("GET", "/v1/audit", headers: ["cookie": String(cookie)]).status == 200)
        #expect(await setUp(good, name: "second").status == 403, "the code works once")
        #expect(await setUp(try await code(), name: "second").status == 403, "there is an admin")
        #expect(try await bench.archive.people().map(\.name) == ["chief", "nina"])
    }

    /// SQLite refuses to let the file grow, as on a full disk. PostgreSQL: see ReplicaTests.
    @Test(.enabled(if: !TemporaryArchive.isPostgres)) func `on a full disk people can read, and the refusal of a change names the remedy`()
        async throws
    {
        let bench = try await bench()
        let token = try await bench.archive.addAPIToken("script", .admin, expiresAt: nil, by: .named("otto"), now: WallClock.now)
        let headers = ["authorization": "Bearer \(token)"]
        try await bench.archive.forbidGrowth()
        var refused: HTTPResponse?
        for number in 0..<200 where refused == nil {
            let method = number % 2 == 0 ? "PUT" : "DELETE"
            let response = await bench.send(
                method, "/v1/release-stop", #"{"reason": "\#(String(repeating: "x", count: 500))"}"#, headers: headers)
            if response.status != 200 { refused = response }
        }
        let answer = try #require(refused)
        #expect(
            answer.status == 503 && Self.text(answer).contains("disk of the archive is full") && answer.headers.contains { $0.name == "Retry-After" })
        #expect(await bench.send("GET", "/v1/devices", headers: headers).status == 200)
        #expect(await bench.send("GET", "/v1/audit", headers: headers).status == 200)
    }

    @Test func `with VAHO_ANONYMOUS=viewer, anybody can read and nobody can change anything`() async throws {
        var settings = AccessSettings()
        settings.anonymousRole = .viewer
        let bench = try await bench(settings)
        #expect(await bench.send("GET", "/v1/devices").status == 200)
        for endpoint in bench.endpoints where endpoint.access == Self.admin {
            #expect(await bench.send(endpoint.method, Self.path(endpoint)).status == 401, "\(endpoint.method) \(endpoint.path)")
        }
    }
}

extension Archive {
    /// Keeps the database file from growing beyond its present size.
    fileprivate func forbidGrowth() throws {
        let pages = try database.integer("PRAGMA page_count") ?? 0
        _ = try database.rows("PRAGMA max_page_count = \(pages)")
    }
}

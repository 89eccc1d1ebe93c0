internal import APIDocuments
internal import Access
internal import Archive
internal import HTTPServer
internal import Measures
internal import Runtime
internal import Text

/// Signing in and out, and the first admin.
extension CloudAPI {
    var sessionEndpoints: [Endpoint] {
        [
            Endpoint("GET", "/v1/session", .everyone) { call in try await self.sessionDocument(call) },
            Endpoint("POST", "/v1/session", .everyone) { call in try await self.signIn(call) },
            Endpoint("DELETE", "/v1/session", .everyone) { call in try await self.signOut(call) },
            Endpoint("POST", "/v1/setup", .everyone) { call in try await self.setUp(call) },
        ]
    }

    /// The person who is signed in, for the page.
    private func sessionDocument(_ call: Call) async throws -> HTTPResponse {
        let person = try await people.person(of: call)
        var json = JSONWriter()
        json.object { json in
            json.field("name", person?.name)
            json.field("role", person?.role.rawValue)
            json.field("may_sign_out", person?.proof == .session)
        }
        return .uncached(json.bytes)
    }

    private func signIn(_ call: Call) async throws -> HTTPResponse {
        struct Body: Decodable { let name, password: String }
        try SameOrigin.check(call.request)
        let body = try JSONBody.decode(Body.self, from: call.request)
        let (name, network) = (body.name.lowercased(), AddressRange.network(of: call.request.peer))
        try rates.signInsPerAddress.take(RequestRates.key(network), at: call.receivedAt)
        try rates.signInsPerNameAndAddress.take(RequestRates.key("\(network) \(name)"), at: call.receivedAt)
        try rates.signInsPerName.take(RequestRates.key(name), at: call.receivedAt)
        let person = try await tokenReader.person(named: body.name)
        // Computes a hash for an unknown name, too, so that the time of the answer does not show which names exist.
        let isRight = try await matches(String(body.password.prefix(PasswordHash.byteLimit)), person?.password ?? .unmatchable, call)
        guard let person, isRight else {
            if let count = failedSignIns.count(1, of: 0) {
                log(.warning, "sign-in refused", ["name": PrintableText.line(body.name, limit: 64), "from": call.request.peer, "count": count])
            }
            throw AccessProblem.wrongPassword
        }
        return try await startSession(of: person, call)
    }

    private func startSession(of person: Archive.Person, _ call: Call) async throws -> HTTPResponse {
        let isSecure = call.request.isSecure
        let attribution = Archive.Attribution(author: person.name, origin: call.request.peer, reason: "")
        let token = try await archive.startSession(
            of: person, replacing: SessionCookie.token(in: call.request.headers["cookie"], isSecure: isSecure), by: attribution, now: call.receivedAt)
        guard let token else { throw AccessProblem.wrongPassword }
        var json = JSONWriter()
        json.object { json in
            json.field("name", person.name)
            json.field("role", person.role.rawValue)
            json.field("may_sign_out", true)
        }
        var response = HTTPResponse.uncached(json.bytes)
        response.headers.append(
            ("Set-Cookie", SessionCookie.header(token, isSecure: isSecure, seconds: Archive.sessionLifetime.components.seconds)))
        return response
    }

    private func signOut(_ call: Call) async throws -> HTTPResponse {
        let isSecure = call.request.isSecure
        guard let token = SessionCookie.token(in: call.request.headers["cookie"], isSecure: isSecure),
            let session = try await tokenReader.session(token, now: call.receivedAt)
        else { return HTTPResponse(status: 204) }
        try SameOrigin.check(call.request)
        let attribution = Archive.Attribution(author: session.name, origin: call.request.peer, reason: "")
        try await archive.endSession(token, by: attribution, now: call.receivedAt)
        return HTTPResponse(status: 204, headers: [("Set-Cookie", SessionCookie.header("", isSecure: isSecure, seconds: 0))])
    }

    /// Makes the first admin, with the code of the link that the server has logged.
    private func setUp(_ call: Call) async throws -> HTTPResponse {
        struct Body: Decodable { let code, name, password: String }
        try SameOrigin.check(call.request)
        let body = try JSONBody.decode(Body.self, from: call.request)
        try rates.signInsPerAddress.take(RequestRates.key(AddressRange.network(of: call.request.peer)), at: call.receivedAt)
        guard try await tokenReader.isSetupCode(body.code, now: call.receivedAt) else { throw AccessProblem.wrongSetupCode }
        let password = try await hashed(body.password, name: body.name, call)
        let attribution = Archive.Attribution(author: body.name, origin: call.request.peer, reason: "first start")
        let isMade = try await convertingAccessFaults {
            try await archive.addFirstAdmin(body.name, password, code: body.code, by: attribution, now: call.receivedAt)
        }
        guard isMade, let person = try await archive.person(named: body.name) else { throw AccessProblem.wrongSetupCode }
        log(.info, "first admin made", ["name": body.name, "from": call.request.peer])
        return try await startSession(of: person, call)
    }

    /// Checks and hashes a new password.
    func hashed(_ password: String, name: String, _ call: Call) async throws -> PasswordHash {
        guard Archive.isAccessName(name) else { throw Problem(status: 400, detail: "name: expected \(Archive.accessNameSyntax)", pointer: "/name") }
        if let problem = PasswordHash.problem(with: password, of: name) { throw Problem(status: 422, detail: problem, pointer: "/password") }
        return try await queues.passwords.run(of: call.request.peer) { _ in try await queues.passwordThread.run { try PasswordHash(password) } }
    }

    private func matches(_ password: String, _ hash: PasswordHash, _ call: Call) async throws -> Bool {
        try await queues.passwords.run(of: call.request.peer) { _ in try await queues.passwordThread.run { try hash.matches(password) } }
    }
}

extension HTTPResponse {
    /// A JSON response that caches must not store (`Cache-Control: no-store`).
    static func uncached(_ json: [UInt8]) -> HTTPResponse {
        HTTPResponse(status: 200, headers: [("Content-Type", "application/json"), ("Cache-Control", "no-store")], body: json)
    }
}

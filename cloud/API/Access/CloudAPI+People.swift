internal import APIDocuments
internal import Access
internal import Archive
internal import HTTPServer
internal import Measures
internal import Runtime
internal import Text

/// Users, tokens and the audit log, for admins.
extension CloudAPI {
    var accessEndpoints: [Endpoint] {
        [
            reading("/v1/users", for: .admin) { _ in { try $0.peopleDocument() } },
            Endpoint("POST", "/v1/users", .people(.admin)) { call in try await self.addPerson(call) },
            Endpoint("PUT", "/v1/users/{name}/password", .people(.admin)) { call in try await self.setPassword(call) },
            Endpoint("DELETE", "/v1/users/{name}", .people(.admin)) { call in
                try await self.convertingAccessFaults {
                    try await self.archive.removePerson(call.parameter("name"), by: call.attribution("removed by the API"), now: call.receivedAt)
                }
                return HTTPResponse(status: 204)
            },
            reading("/v1/tokens", for: .admin) { _ in { try $0.tokensDocument() } },
            Endpoint("POST", "/v1/tokens", .people(.admin)) { call in try await self.addToken(call) },
            Endpoint("DELETE", "/v1/tokens/{name}", .people(.admin)) { call in
                try await self.convertingAccessFaults {
                    try await self.archive.revokeAPIToken(call.parameter("name"), by: call.attribution("revoked by the API"), now: call.receivedAt)
                }
                return HTTPResponse(status: 204)
            },
            reading("/v1/audit", query: NewestFirst.parameters.union(["text"]), for: .admin) { call in
                let (page, text) = (try NewestFirst(call.request), String((call.request.query["text"] ?? "").prefix(64)))
                return { try $0.auditDocument(page, containing: text) }
            },
        ]
    }

    private func addPerson(_ call: Call) async throws -> HTTPResponse {
        struct Body: Decodable { let name, password, role: String }
        let body = try JSONBody.decode(Body.self, from: call.request)
        let role = try CloudAPI.role(body.role)
        let password = try await hashed(body.password, name: body.name, call)
        try await convertingAccessFaults {
            try await archive.addPerson(body.name, role, password, by: call.attribution("added by the API"), now: call.receivedAt)
        }
        return HTTPResponse(status: 201, headers: [("Location", "/v1/users/\(body.name)")])
    }

    private func setPassword(_ call: Call) async throws -> HTTPResponse {
        struct Body: Decodable { let password: String }
        let body = try JSONBody.decode(Body.self, from: call.request)
        let name = call.parameter("name")
        let password = try await hashed(body.password, name: name, call)
        try await convertingAccessFaults {
            try await archive.setPassword(of: name, password, by: call.attribution("changed by the API"), now: call.receivedAt)
        }
        return HTTPResponse(status: 204)
    }

    private func addToken(_ call: Call) async throws -> HTTPResponse {
        struct Body: Decodable {
            let name, role: String
            let expires_in: String?
        }
        let body = try JSONBody.decode(Body.self, from: call.request)
        guard Archive.isAccessName(body.name) else {
            throw Problem(status: 400, detail: "name: expected \(Archive.accessNameSyntax)", pointer: "/name")
        }
        let role = try CloudAPI.role(body.role)
        let lifetime = try body.expires_in.map { (text) throws(Problem) in
            guard let lifetime = ISO8601Duration.parse(text), lifetime > .zero else {
                throw Problem(status: 422, detail: "expires_in: expected an ISO 8601 duration such as P90D", pointer: "/expires_in")
            }
            return lifetime
        }
        let token = try await convertingAccessFaults {
            try await archive.addAPIToken(
                body.name, role, expiresAt: lifetime.map { call.receivedAt + $0 }, by: call.attribution("created by the API"), now: call.receivedAt)
        }
        var json = JSONWriter()
        json.object { json in
            json.field("name", body.name)
            json.field("token", token)
        }
        var response = HTTPResponse.uncached(json.bytes)
        response.status = 201
        return response
    }

    private static func role(_ text: String) throws(Problem) -> Role {
        guard let role = Role(rawValue: text) else { throw Problem(status: 400, detail: "role: expected viewer or admin", pointer: "/role") }
        return role
    }

    /// Runs a change of users or tokens, and converts its errors to problems.
    func convertingAccessFaults<Result>(_ body: () async throws -> Result) async throws -> Result {
        do { return try await body() } catch let fault as Archive.AccessFault {
            switch fault {
            case .noPerson, .noToken: throw Problem(status: 404, detail: "\(fault)")
            case .personExists, .tokenExists, .lastAdmin: throw Problem(status: 409, detail: "\(fault)")
            }
        } catch let fault as Archive.TooManyTokens { throw Problem(status: 409, detail: "\(fault)") }
    }
}

extension Archive {
    func peopleDocument() throws -> [UInt8] {
        let people = try people()
        var json = JSONWriter()
        json.object { json in
            json.array("users") { json in
                for person in people {
                    json.object { json in
                        json.field("name", person.name)
                        json.field("role", person.role.rawValue)
                        json.field("created_at", RFC3339.format(ms: person.createdAt.ms))
                    }
                }
            }
        }
        return json.bytes
    }

    func tokensDocument() throws -> [UInt8] {
        let tokens = try apiTokens()
        var json = JSONWriter()
        json.object { json in
            json.array("tokens") { json in
                for token in tokens {
                    json.object { json in
                        json.field("name", token.name)
                        json.field("role", token.role.rawValue)
                        json.field("author", token.author)
                        json.field("created_at", RFC3339.format(ms: token.createdAt.ms))
                        json.field("expires_at", token.expiresAt.map { RFC3339.format(ms: $0.ms) })
                        json.field("used_at", token.usedAt.map { RFC3339.format(ms: $0.ms) })
                    }
                }
            }
        }
        return json.bytes
    }

    func auditDocument(_ page: NewestFirst, containing text: String) throws -> [UInt8] {
        try page.document("entries", { try audit(before: $0, containing: text, limit: $1) }, number: \.id) { entry, json in
            json.field("id", entry.id)
            json.field("at", RFC3339.format(ms: entry.at.ms))
            json.field("author", entry.author)
            json.field("origin", entry.origin)
            json.field("action", entry.action)
            json.field("subject", entry.subject)
            json.field("detail", entry.detail)
            json.field("reason", entry.reason)
        }
    }
}

internal import APIDocuments
internal import Access
internal import Archive
internal import HTTPServer
internal import Measures
internal import Signing

/// Identifies the sender of a request, and refuses the request if the sender lacks the role.
struct AccessControl: Middleware {
    let devices: DeviceAccess
    let people: PersonAccess

    func answer(_ call: Call, to endpoint: Endpoint, _ next: (Call) async throws -> HTTPResponse) async throws -> HTTPResponse {
        var call = call
        switch endpoint.access {
        case .everyone: break
        case .device: call.principal = .device(try await devices.device(of: call))
        case .people(let role):
            let person = try await people.person(of: call)
            guard let person else { throw AccessProblem.signInNeeded }
            guard person.role >= role else { throw AccessProblem.roleNeeded(role, person) }
            if person.proof.isAmbient { try SameOrigin.check(call.request) }
            call.principal = .person(person)
        }
        return try await next(call)
    }
}

/// Refuses requests that another site has caused in the browser of a person who is signed in (cross-site request forgery).
enum SameOrigin {
    /// Browsers send the origin of a request that changes something in `Sec-Fetch-Site` or `Origin`.
    static func check(_ request: HTTPRequest) throws {
        guard !["GET", "HEAD"].contains(request.method) else { return }
        if let site = request.headers["sec-fetch-site"] {
            if site == "same-origin" { return }
            throw AccessProblem.otherSite
        }
        guard let origin = request.headers["origin"], let host = request.headers["host"],
            ["http://\(host)", "https://\(host)"].contains(origin.lowercased())
        else { throw AccessProblem.otherSite }
    }
}

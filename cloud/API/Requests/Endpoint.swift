internal import Archive
internal import HTTPServer
internal import Measures

/// One operation of the HTTP API: method, path, access, query parameters and handler.
struct Endpoint: Sendable {
    typealias Handler = @Sendable (Call) async throws -> HTTPResponse

    let method: String
    let path: String  // a pattern: see Router
    let access: EndpointAccess
    /// The names of the query parameters. A request with another parameter is refused: otherwise a misspelt parameter would be ignored without notice.
    /// `nil`: all names are accepted.
    let query: Set<String>?
    let answer: Handler

    init(_ method: String, _ path: String, _ access: EndpointAccess, query: Set<String>? = [], _ answer: @escaping Handler) {
        (self.method, self.path, self.access, self.query, self.answer) = (method, path, access, query, answer)
    }

    /// An endpoint for the device in the path, which shows its token.
    static func device(
        _ method: String, _ path: String, query: Set<String> = [], _ answer: @escaping @Sendable (Call, Archive.Device) async throws -> HTTPResponse
    ) -> Endpoint {
        Endpoint(method, "/v1/devices/{id}" + path, .device, query: query) { call in
            guard case .device(let device) = call.principal else { throw AccessProblem.noDeviceToken }
            return try await answer(call, device)
        }
    }
}

/// A request to an endpoint, with the sender that the middleware has identified.
struct Call: Sendable {
    var request: HTTPRequest
    let parameters: [String: String]
    let receivedAt: Instant
    var principal = Principal.anyone

    /// A copy of this call with another `receivedAt`.
    func received(at now: Instant) -> Call {
        var call = Call(request: request, parameters: parameters, receivedAt: now)
        call.principal = principal
        return call
    }

    /// A segment of the path.
    func parameter(_ name: String) -> String { parameters[name] ?? "" }

    /// The attribution of a change that this call requests.
    func attribution(_ reason: String) -> Archive.Attribution {
        Archive.Attribution(author: principal.person?.name ?? "", origin: request.peer, reason: String(reason.prefix(500)))
    }
}

internal import APIDocuments
internal import HTTPServer
internal import Measures
internal import Runtime

/// A step between the router and the handler of an endpoint, such as the check of access.
protocol Middleware: Sendable {
    /// Answers the call, or passes it on to the next step, changed or not.
    func answer(_ call: Call, to endpoint: Endpoint, _ next: (Call) async throws -> HTTPResponse) async throws -> HTTPResponse
}

/// The endpoints of the server behind their middleware.
struct RequestPipeline: Sendable {
    private let router: Router<Endpoint>
    private let middleware: [any Middleware]  // the first one sees the request first, and the response last

    init(_ endpoints: [Endpoint], _ middleware: [any Middleware]) {
        var router = Router<Endpoint>()
        for endpoint in endpoints { router.add(endpoint.method, endpoint.path, endpoint) }
        (self.router, self.middleware) = (router, middleware)
    }

    func response(_ request: HTTPRequest, failed: (any Error) -> HTTPResponse) async -> HTTPResponse {
        await router.response(to: request) { endpoint, parameters in
            let call = Call(request: request, parameters: parameters, receivedAt: WallClock.now)
            do { return try await answer(call, to: endpoint, middleware[...]) } catch { return failed(error) }
        }
    }

    private func answer(_ call: Call, to endpoint: Endpoint, _ steps: ArraySlice<any Middleware>) async throws -> HTTPResponse {
        guard let step = steps.first else { return try await endpoint.answer(call) }
        return try await step.answer(call, to: endpoint) { try await answer($0, to: endpoint, steps.dropFirst()) }
    }
}

/// Refuses query parameters that the endpoint does not have.
struct QueryCheck: Middleware {
    func answer(_ call: Call, to endpoint: Endpoint, _ next: (Call) async throws -> HTTPResponse) async throws -> HTTPResponse {
        if let known = endpoint.query, let unknown = call.request.query.keys.filter({ !known.contains($0) }).min() {
            let names = known.isEmpty ? "it has none" : "it has \(known.sorted().joined(separator: ", "))"
            throw Problem(status: 400, detail: "\(endpoint.path) has no query parameter «\(unknown.prefix(40))»: \(names)")
        }
        return try await next(call)
    }
}

internal import Access
internal import HTTPServer

/// Takes the client's address, and whether it uses TLS, from the headers of a trusted proxy. Ignores these headers from other clients, because any client
/// can send them.
struct ForwardedHeaders: Middleware {
    let proxies: TrustedProxies

    func answer(_ call: Call, to endpoint: Endpoint, _ next: (Call) async throws -> HTTPResponse) async throws -> HTTPResponse {
        let request = call.request
        guard !proxies.isEmpty, proxies.trusts(request.connectionPeer) else { return try await next(call) }
        var call = call
        call.request = request.forwarded(
            for: proxies.client(peer: request.connectionPeer, forwardedFor: request.headers["x-forwarded-for"]),
            isSecure: request.isSecure || request.headers["x-forwarded-proto"]?.lowercased() == "https")
        return try await next(call)
    }
}

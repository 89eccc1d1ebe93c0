internal import Access
internal import HTTPServer

/// Believes a trusted proxy about the client's address and about TLS. The headers of other clients say nothing: any client can send them.
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

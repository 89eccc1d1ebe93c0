/// Completes a response: 304 if the client's copy is current, else gzip if the client accepts it (RFC 9110, sections 12.5.3 and 13).
enum ContentNegotiation {
    private static let leastCompressed = 400  // bytes; a smaller body fits in one packet anyway

    static func finished(_ response: HTTPResponse, to request: HTTPRequest) -> HTTPResponse {
        var response = response
        if !response.has("X-Content-Type-Options") { response.headers.append(("X-Content-Type-Options", "nosniff")) }
        guard response.status == 200, ["GET", "HEAD"].contains(request.method), !response.has("Content-Encoding"), response.body.count > 0 else {
            return response
        }
        // A response with its own ETag is a file that supports range requests: do not compress it.
        guard !response.has("ETag") else { return response }
        let entityTag = response.body.entityTag
        response.headers += [("ETag", entityTag), ("Vary", "Accept-Encoding")]
        if let known = request.headers["if-none-match"], matches(known, entityTag) {
            response.status = 304
            response.headers.removeAll { $0.name == "Content-Type" }
            response.body = .empty
            return response
        }
        guard response.body.count >= leastCompressed, isText(response), accepts(request.headers["accept-encoding"]), let gzip = response.body.gzip
        else { return response }
        response.headers.append(("Content-Encoding", "gzip"))
        response.body = gzip
        return response
    }

    /// Weak comparison: a tag with or without `W/`.
    private static func matches(_ header: String, _ tag: String) -> Bool {
        func plain(_ tag: some StringProtocol) -> String { String(tag.hasPrefix("W/") ? tag.dropFirst(2) : tag[...]) }
        return header == "*" || header.split(separator: ",").contains { plain($0.drop { $0 == " " }.prefix { $0 != " " }) == plain(tag) }
    }

    private static func isText(_ response: HTTPResponse) -> Bool {
        guard let type = response.headers.first(where: { $0.name == "Content-Type" })?.value else { return false }
        return type.hasPrefix("text/") || ["application/json", "application/problem+json", "image/svg+xml"].contains { type.hasPrefix($0) }
    }

    /// Whether the client accepts gzip; a weight for gzip takes precedence over a weight for `*`.
    static func accepts(_ header: String?) -> Bool {
        var weights: [String: Double] = [:]
        for coding in (header ?? "").split(separator: ",") {
            let parts = coding.split(separator: ";").map { $0.filter { $0 != " " }.lowercased() }
            guard let name = parts.first else { continue }
            let weight = parts.dropFirst().first { $0.hasPrefix("q=") }
            weights[name] = weight.map { Double($0.dropFirst(2)) ?? 0 } ?? 1
        }
        return weights["gzip"] ?? weights["*"] ?? 0 > 0
    }
}

extension HTTPResponse {
    fileprivate func has(_ name: String) -> Bool { headers.contains { $0.name == name } }
}

import HTTPServer

/// A server on a free port, whose refusals are plain texts.
func server(bodyBytes: Int = 1_000, _ handler: @escaping HTTPHandler) throws -> HTTPServer {
    try HTTPServer(
        address: "127.0.0.1", port: 0, limits: HTTPLimits(bodyBytes: bodyBytes),
        makeRefusal: { HTTPResponse(status: $0, type: "text/plain", body: Array($1.utf8)) }, handler: handler)
}

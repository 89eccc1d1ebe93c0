package import HTTPServer
internal import Runtime
internal import Synchronization
internal import Wire

/// The responses that both programs' HTTP faces share: the page's files, JSON, problem details.
package enum FaceResponse {
    package static let jsonHeaders = [(name: "Content-Type", value: "application/json"), (name: "Cache-Control", value: "no-cache")]

    package static func json(_ bytes: [UInt8]) -> HTTPResponse { HTTPResponse(status: 200, headers: jsonHeaders, body: bytes) }

    package static func text(_ text: String) -> HTTPResponse { HTTPResponse(type: "text/plain; charset=utf-8", body: Array(text.utf8)) }

    /// RFC 9457 problem details.
    package static func problem(_ status: Int, _ detail: String, pointer: String? = nil) -> HTTPResponse {
        HTTPResponse(
            status: status, type: "application/problem+json",
            body: Documents.problem(status: status, title: titles[status] ?? "Error", detail: detail, pointer: pointer))
    }

    private static let titles = [
        400: "Bad request", 401: "Not authenticated", 403: "Not allowed", 404: "Not found", 405: "Method not allowed", 413: "Body too large",
        415: "Unsupported media type", 416: "Range not satisfiable", 421: "Misdirected request", 422: "Cannot be processed", 429: "Too many requests",
        500: "Internal error", 503: "Not available now",
    ]
}

extension PageFiles {
    /// Routes for the page and its chart library.
    package static func addRoutes(to router: inout Router, face: Face) {
        let bodies = PageBodies()
        for path in paths {
            router.on("GET", path) { request, _ in
                guard let file = file(at: request.path, face: face) else { return FaceResponse.problem(404, "there is no such file") }
                return response(file.type, bodies.body(of: request.path, file.bytes))
            }
        }
        for (path, name) in chartFiles {
            router.on("GET", path) { _, _ in
                guard let bytes = try? Files.read("\(chartFolder)/\(name)", limit: 1 << 20) else {
                    return FaceResponse.problem(404, "\(chartFolder)/\(name) is missing: install libjs-dygraphs")
                }
                return response(type(ofChartFile: name), HTTPBody(bytes))
            }
        }
    }

    private static func response(_ type: String, _ body: HTTPBody) -> HTTPResponse {
        HTTPResponse(
            status: 200,
            headers: [
                ("Content-Type", type), ("Content-Security-Policy", contentSecurityPolicy), ("X-Content-Type-Options", "nosniff"),
                ("Referrer-Policy", "no-referrer"), ("Cache-Control", "no-cache"),
            ], body: body)
    }
}

/// The page's files as answers: each is made, tagged and compressed once.
private final class PageBodies: Sendable {
    private let bodies = Mutex<[String: HTTPBody]>([:])

    func body(of path: String, _ bytes: [UInt8]) -> HTTPBody {
        bodies.withLock { bodies in
            if let known = bodies[path] { return known }
            let made = HTTPBody(bytes)
            bodies[path] = made
            return made
        }
    }
}

internal import APIDocuments
package import HTTPServer
internal import Runtime
internal import Synchronization

extension PageFiles {
    /// Routes for the page and its chart library.
    package static func addRoutes(to router: inout Router, face: ServingProgram) {
        let bodies = PageBodies()
        for path in paths {
            router.on("GET", path) { request, _ in
                guard let file = file(at: request.path, face: face) else { return APIResponse.problem(404, "there is no such file") }
                return response(file.type, bodies.body(of: request.path, file.bytes))
            }
        }
        for (path, name) in chartFiles {
            router.on("GET", path) { _, _ in
                guard let bytes = try? Files.read("\(chartFolder)/\(name)", limit: 1 << 20) else {
                    return APIResponse.problem(404, "\(chartFolder)/\(name) is missing: install libjs-dygraphs")
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

/// The page's files as response bodies; each body is created, tagged and compressed once.
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

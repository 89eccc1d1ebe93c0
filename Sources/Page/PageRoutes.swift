internal import APIDocuments
package import HTTPServer
internal import Runtime
internal import Synchronization

extension PageFiles {
    /// One route for each file of the page, and for the files of the chart library.
    package static func routes(_ files: [String: File]) -> [(path: String, answer: @Sendable () -> HTTPResponse)] {
        let bodies = PageBodies()
        let own = files.map { path, file in
            (path: path, answer: { @Sendable () -> HTTPResponse in response(file.type, bodies.body(of: path, file.bytes)) })
        }
        let charts = chartFiles.map { path, name in
            (
                path: path,
                answer: { @Sendable () -> HTTPResponse in
                    guard let bytes = try? Files.read("\(chartFolder)/\(name)", limit: 1 << 20) else {
                        return APIResponse.problem(404, "\(chartFolder)/\(name) is missing: install libjs-dygraphs")
                    }
                    return response(type(ofChartFile: name), HTTPBody(bytes))
                }
            )
        }
        return own + charts
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

/// Finds the handler of a path by its segments: `/v1/devices/{id}/forecast`.
package struct Router: Sendable {
    package typealias Handler = @Sendable (HTTPRequest, _ parameters: [String: String]) async throws -> HTTPResponse

    private struct Route: Sendable {
        let method: String
        let segments: [Substring]
        let answer: Handler
    }

    private var routes: [Route] = []
    private let problem: @Sendable (_ status: Int, _ detail: String) -> HTTPResponse
    private let failed: @Sendable (any Error) -> HTTPResponse

    /// - Parameters:
    ///   - problem: creates the response if no route matches.
    ///   - failed: creates the response if a handler throws.
    package init(
        problem: @escaping @Sendable (_ status: Int, _ detail: String) -> HTTPResponse, failed: @escaping @Sendable (any Error) -> HTTPResponse
    ) {
        self.problem = problem
        self.failed = failed
    }

    package mutating func on(_ method: String, _ pattern: String, _ answer: @escaping Handler) {
        routes.append(Route(method: method, segments: pattern.split(separator: "/", omittingEmptySubsequences: false), answer: answer))
    }

    package func response(_ request: HTTPRequest) async -> HTTPResponse {
        let path = request.path.split(separator: "/", omittingEmptySubsequences: false)
        var allowed: [String] = []
        for route in routes {
            guard let parameters = Router.match(route.segments, path) else { continue }
            guard route.method == request.method || (request.method == "HEAD" && route.method == "GET") else {
                allowed.append(route.method)
                continue
            }
            do { return try await route.answer(request, parameters) } catch let refusal as BodyRefusal { return refusal.response } catch {
                return failed(error)
            }
        }
        guard !allowed.isEmpty else { return problem(404, "there is nothing at \(request.path.prefix(200))") }
        var response = problem(405, "\(request.method) is not allowed for \(request.path.prefix(200)): use \(allowed.joined(separator: " or "))")
        response.headers.append(("Allow", allowed.joined(separator: ", ")))
        return response
    }

    private static func match(_ pattern: [Substring], _ path: [Substring]) -> [String: String]? {
        guard pattern.count == path.count else { return nil }
        var parameters: [String: String] = [:]
        for (wanted, segment) in zip(pattern, path) {
            if wanted.hasPrefix("{") {
                parameters[String(wanted.dropFirst().dropLast())] = String(segment)
            } else if wanted != segment {
                return nil
            }
        }
        return parameters
    }
}

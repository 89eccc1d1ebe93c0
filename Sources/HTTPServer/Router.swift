/// Finds the target of a request by method and path. A pattern such as `/v1/devices/{id}/forecast` has parameters.
package struct Router<Target: Sendable>: Sendable {
    package enum Match: Sendable {
        case found(Target, parameters: [String: String])
        case otherMethods([String])  // the path exists with these methods only
        case nothing
    }

    private struct Route: Sendable {
        let method: String
        let segments: [Substring]
        let target: Target
    }

    private var routes: [Route] = []

    package init() {}

    package mutating func add(_ method: String, _ pattern: String, _ target: Target) {
        routes.append(Route(method: method, segments: pattern.split(separator: "/", omittingEmptySubsequences: false), target: target))
    }

    /// The first route that matches. A HEAD request also matches a GET route.
    package func match(_ method: String, _ path: String) -> Match {
        let path = path.split(separator: "/", omittingEmptySubsequences: false)
        var methods: [String] = []
        for route in routes {
            guard let parameters = Router.parameters(route.segments, path) else { continue }
            if route.method == method || (method == "HEAD" && route.method == "GET") { return .found(route.target, parameters: parameters) }
            methods.append(route.method)
        }
        return methods.isEmpty ? .nothing : .otherMethods(methods)
    }

    private static func parameters(_ pattern: [Substring], _ path: [Substring]) -> [String: String]? {
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

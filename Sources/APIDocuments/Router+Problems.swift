package import HTTPServer

extension Router {
    /// Answers a request. A path that does not exist gets 404, and a method that the path does not have gets 405, both as problem details.
    package func response(
        to request: HTTPRequest, _ answer: (Target, _ parameters: [String: String]) async -> HTTPResponse
    ) async -> HTTPResponse {
        switch match(request.method, request.path) {
        case .found(let target, let parameters): return await answer(target, parameters)
        case .nothing: return APIResponse.problem(404, "there is nothing at \(request.path.prefix(200))")
        case .otherMethods(let methods):
            var response = APIResponse.problem(
                405, "\(request.method) is not allowed for \(request.path.prefix(200)): use \(methods.joined(separator: " or "))")
            response.headers.append(("Allow", methods.joined(separator: ", ")))
            return response
        }
    }
}

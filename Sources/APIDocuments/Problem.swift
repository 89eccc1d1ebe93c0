package import HTTPServer

/// An error that a client receives as problem details (RFC 9457).
package struct Problem: Error, Sendable {
    package let status: Int
    package let detail: String
    package let pointer: String?  // a JSON pointer to the fault in the request's body
    package let headers: [(name: String, value: String)]

    package init(status: Int, detail: String, pointer: String? = nil, headers: [(name: String, value: String)] = []) {
        (self.status, self.detail, self.pointer, self.headers) = (status, detail, pointer, headers)
    }

    package var response: HTTPResponse {
        var response = APIResponse.problem(status, detail, pointer: pointer)
        response.headers += headers
        return response
    }
}

package import HTTPServer
internal import Text

/// The responses that both programs' HTTP interfaces share: JSON, text, problem details.
package enum APIResponse {
    package static let jsonHeaders = [(name: "Content-Type", value: "application/json"), (name: "Cache-Control", value: "no-cache")]

    package static func json(_ bytes: [UInt8]) -> HTTPResponse { HTTPResponse(status: 200, headers: jsonHeaders, body: bytes) }

    package static func text(_ text: String) -> HTTPResponse { HTTPResponse(type: "text/plain; charset=utf-8", body: Array(text.utf8)) }

    /// RFC 9457 problem details.
    /// - Parameter pointer: JSON pointer to the error in a JSON body (RFC 6901).
    package static func problem(_ status: Int, _ detail: String, pointer: String? = nil) -> HTTPResponse {
        var json = JSONWriter()
        json.object { json in
            json.field("type", "about:blank")
            json.field("title", titles[status] ?? "Error")
            json.field("status", status)
            json.field("detail", detail)
            if let pointer {
                json.array("errors") { json in
                    json.object { json in
                        json.field("pointer", pointer)
                        json.field("detail", detail)
                    }
                }
            }
        }
        return HTTPResponse(status: status, type: "application/problem+json", body: json.bytes)
    }

    private static let titles = [
        400: "Bad request", 401: "Not authenticated", 403: "Not allowed", 404: "Not found", 405: "Method not allowed", 413: "Body too large",
        415: "Unsupported media type", 416: "Range not satisfiable", 421: "Misdirected request", 422: "Cannot be processed", 429: "Too many requests",
        500: "Internal error", 503: "Not available now",
    ]
}

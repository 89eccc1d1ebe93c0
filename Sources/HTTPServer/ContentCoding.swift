internal import Deflate

/// How a request's body is packed (RFC 9110, section 8.4).
enum ContentCoding {
    /// What a client may send; said with each answer to a body (RFC 7694), for without that it cannot know.
    static let accepted: (name: String, value: String) = ("Accept-Encoding", "gzip, deflate")

    enum Outcome {
        case body([UInt8])
        case refused(HTTPResponse)
    }

    /// The body as it was before it was packed, within the server's limit and its budget.
    static func expanded(_ body: [UInt8], _ coding: String?, _ context: ServerContext) -> Outcome {
        switch coding?.lowercased() {
        case nil, "identity": return .body(body)
        case "gzip", "x-gzip", "deflate": break
        case let other?:
            var response = context.refused(415, "Content-Encoding: \(other.prefix(40)) is not known here: gzip or deflate")
            response.headers.append(accepted)
            return .refused(response)
        }
        do throws(Deflate.Fault) {
            return .body(try Deflate.expanded(body, limit: context.limits.bodyBytes))
        } catch {
            switch error {
            case .malformed: return .refused(context.refused(400, "the body is not what Content-Encoding says, or is cut off"))
            case .tooLong: return .refused(context.tooLarge())
            }
        }
    }
}

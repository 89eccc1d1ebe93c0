internal import Deflate

/// How a request's body is packed (RFC 9110, section 8.4).
enum ContentCoding {
    /// What a client may send; said with each answer to a body (RFC 7694), for without that it cannot know.
    static let accepted: (name: String, value: String) = ("Accept-Encoding", "gzip, deflate")

    /// The body as it was before it was packed, within the server's limit.
    static func expanded(_ body: [UInt8], _ coding: String?, _ context: ServerContext) throws(BodyRefusal) -> [UInt8] {
        switch coding?.lowercased() {
        case nil, "identity": return body
        case "gzip", "x-gzip", "deflate": break
        case let other?:
            throw BodyRefusal(response: context.refused(415, "Content-Encoding: \(other.prefix(40)) is not known here: gzip or deflate"))
        }
        do throws(Deflate.Fault) {
            return try Deflate.expanded(body, limit: context.limits.bodyBytes)
        } catch {
            switch error {
            case .malformed: throw BodyRefusal(response: context.refused(400, "the body is not what Content-Encoding says, or is cut off"))
            case .tooLong: throw BodyRefusal(response: context.tooLarge())
            }
        }
    }
}

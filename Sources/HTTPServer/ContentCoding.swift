internal import Deflate

/// Decoding of a request body's Content-Encoding (RFC 9110, section 8.4).
enum ContentCoding {
    /// The accepted codings. Responses to requests with a body carry this header (RFC 7694), because clients have no other way to know.
    static let accepted: (name: String, value: String) = ("Accept-Encoding", "gzip, deflate")

    /// The decoded body, at most as large as the server's limit.
    static func decoded(_ body: [UInt8], _ coding: String?, _ context: ServerContext) throws(BodyRefusal) -> [UInt8] {
        switch coding?.lowercased() {
        case nil, "identity": return body
        case "gzip", "x-gzip", "deflate": break
        case let other?:
            throw BodyRefusal(response: context.makeRefusal(415, "Content-Encoding: \(other.prefix(40)) is not supported: use gzip or deflate"))
        }
        do throws(Deflate.DecompressionError) {
            return try Deflate.decompressed(body, limit: context.limits.bodyBytes)
        } catch {
            switch error {
            case .malformed: throw BodyRefusal(response: context.makeRefusal(400, "the body does not match its Content-Encoding, or is truncated"))
            case .tooLong: throw BodyRefusal(response: context.tooLarge())
            }
        }
    }
}

/// The headers of a request, and a check for request smuggling.
struct RequestHead {
    private(set) var headers: [String: String] = [:]  // names in lower case
    private var duplicatedHeader: String?
    private static let limit = 100
    /// Headers that must not occur twice: a second one would change where the request ends, or which host it is for.
    private static let single = ["content-length", "transfer-encoding", "host"]
    private var isTooMany = false

    mutating func add(_ name: String, _ value: String) {
        let name = name.lowercased()
        let isSingle = RequestHead.single.contains(name)
        if isSingle, headers[name] != nil { duplicatedHeader = name }
        // Proxies add their own line to those of the client: the order of all lines together tells who has written which.
        if name == "x-forwarded-for", let earlier = headers[name] { return headers[name] = earlier + ", " + value }
        if headers[name] == nil, headers.count >= RequestHead.limit { isTooMany = true } else { headers[name] = value }
    }

    /// The reason to refuse the request; `nil` if it can be answered. A proxy could read the same bytes as a different request (RFC 9112, section
    /// 6.3).
    var ambiguity: String? {
        if isTooMany { return "the request has more than \(RequestHead.limit) headers" }
        if let duplicatedHeader { return "the request has more than one \(duplicatedHeader) header" }
        guard let coding = headers["transfer-encoding"] else { return nil }
        if headers["content-length"] != nil { return "the request has both Content-Length and Transfer-Encoding" }
        return coding.lowercased() == "chunked" ? nil : "Transfer-Encoding \(coding.prefix(40)) is not supported, only chunked"
    }
}

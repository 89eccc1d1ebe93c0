/// The headers of a request, and what makes it one that two programs could read differently.
struct RequestHead {
    private(set) var headers: [String: String] = [:]  // names in lower case
    private var doubled: String?
    private static let limit = 100
    /// Headers of which a second one would change where the request ends, or whom it is for.
    private static let single = ["content-length", "transfer-encoding", "host"]

    mutating func add(_ name: String, _ value: String) {
        guard headers.count < RequestHead.limit else { return }
        let name = name.lowercased()
        if headers.updateValue(value, forKey: name) != nil, RequestHead.single.contains(name) { doubled = name }
    }

    /// Why the request cannot be taken: a proxy before this server might have seen another one in the same bytes (RFC 9112, section 6.3).
    var ambiguity: String? {
        if let doubled { return "a request has one \(doubled) header" }
        guard let coding = headers["transfer-encoding"] else { return nil }
        if headers["content-length"] != nil { return "a request has a length or chunks, not both" }
        return coding.lowercased() == "chunked" ? nil : "Transfer-Encoding: \(coding.prefix(40)) is not known here: chunked"
    }
}

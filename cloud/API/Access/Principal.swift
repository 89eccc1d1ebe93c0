package import Access
internal import Archive

/// The senders that may use an endpoint.
enum EndpointAccess: Sendable, Equatable {
    case everyone
    case device  // the device in the path, with its own token
    case people(Role)  // people and scripts with at least this role
}

/// The sender of a request.
enum Principal: Sendable, Equatable {
    case anyone  // nobody is signed in
    case device(Archive.Device)
    case person(Person)

    struct Person: Sendable, Equatable {
        let name: String
        let role: Role
        let proof: Proof
    }

    enum Proof: Sendable, Equatable {
        case session
        case token
        case proxy  // an authenticating proxy has named the person
        case anonymous  // VAHO_ANONYMOUS lets everyone read

        /// Whether the browser sends this proof with every request, also with a request that another site has caused.
        var isAmbient: Bool { self == .session || self == .proxy }
    }

    var person: Person? { if case .person(let person) = self { person } else { nil } }
}

/// Settings of access: the role without signing in, and the trusted proxies.
package struct AccessSettings: Sendable {
    package var anonymousRole: Role?
    package var proxies = TrustedProxies.none
    package var proxyUserHeader: String?  // in lower case: an authenticating proxy writes the name of the person into this header
    package var proxyRole = Role.viewer  // the role of people whom the proxy names
    package var proxyAdmins: Set<String> = []
    package var operatorToken: [UInt8]?  // SHA-256 of the token in VAHO_OPERATOR_TOKEN_FILE

    package init() {}
}

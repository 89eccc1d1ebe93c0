/// The host names that a server accepts in requests.
///
/// A page of another site can make its own host name resolve to 127.0.0.1, and then read the responses of a server there (DNS rebinding). The
/// browser sends that name in the Host header. A server on a loopback address therefore accepts only loopback names, numeric addresses and the
/// configured names.
package struct HostNames: Sendable {
    private let allowed: Set<String>
    private let isChecked: Bool

    /// Accepts any name.
    package static let any = HostNames(allowed: [], isChecked: false)

    private init(allowed: Set<String>, isChecked: Bool) {
        self.allowed = allowed
        self.isChecked = isChecked
    }

    /// - Parameters:
    ///   - isLoopback: whether the server listens on a loopback address.
    ///   - allowed: additional names, for example the name that a proxy uses. If there are any, names are checked on every address.
    package init(isLoopback: Bool, allowed: [String]) {
        self.init(allowed: Set(allowed.map { $0.lowercased() }), isChecked: isLoopback || !allowed.isEmpty)
    }

    /// - Parameter header: the Host header, with or without port. A missing header is allowed: browsers always send one.
    package func allows(_ header: String?) -> Bool {
        guard isChecked, let header = header?.lowercased(), !header.isEmpty else { return true }
        let name = HostNames.name(header)
        return name == "localhost" || name.hasSuffix(".localhost") || HostNames.isNumeric(name) || allowed.contains(name)
    }

    private static func name(_ header: String) -> String {
        if header.hasPrefix("[") { return String(header.prefix { $0 != "]" }) + "]" }
        return String(header.prefix { $0 != ":" })
    }

    private static func isNumeric(_ name: String) -> Bool {
        if name.hasPrefix("[") { return true }
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts.allSatisfy { UInt8($0) != nil }
    }
}

internal import Text

/// URLs for logs and terminals, without user name and password, and parts of URLs.
package enum URLText {
    package static func withoutCredentials(_ url: String) -> String {
        let bytes = Array(url.utf8)
        var start = 0
        while start + 2 < bytes.count, bytes[start] != 58 || bytes[start + 1] != 47 || bytes[start + 2] != 47 { start += 1 }
        guard start + 2 < bytes.count else {
            // Not a URL, but the text before an @ may still be a password.
            return bytes.lastIndex(of: 64).map { String(decoding: bytes[($0 + 1)...], as: UTF8.self) } ?? url
        }
        let authority = bytes[(start + 3)...].prefix { !endsAuthority($0) }
        guard let at = authority.lastIndex(of: 64) else { return url }
        return String(decoding: bytes[..<(start + 3)] + bytes[(at + 1)...], as: UTF8.self)
    }

    /// Host and port of a URL, without user name and password, for checks of a request's destination; nil without a host.
    package static func hostAndPort(_ url: String) -> String? {
        let shown = Array(withoutCredentials(url).utf8)
        guard let colon = shown.firstIndex(of: 58), shown[colon...].starts(with: "://".utf8) else { return nil }
        let authority = shown[(colon + 3)...].prefix { !endsAuthority($0) }
        return authority.isEmpty ? nil : String(decoding: authority, as: UTF8.self)
    }

    /// Host of a URL without the port, an IPv6 address in brackets; nil without a host.
    package static func host(_ url: String) -> String? {
        guard let authority = hostAndPort(url) else { return nil }
        if authority.hasPrefix("["), let end = authority.lastIndex(of: "]") { return String(authority[...end]) }
        return authority.lastIndex(of: ":").map { String(authority[..<$0]) } ?? authority
    }

    /// The problem with a server's address; `nil` if there is none. Without TLS anyone on the network path can read and change the traffic, so plain
    /// HTTP is limited to loopback.
    /// - Parameter isPlainAllowed: plain HTTP is allowed to every host (`VAHO_PLAIN_HTTP=anywhere`).
    package static func problem(with url: String, isPlainAllowed: Bool) -> String? {
        let isPlain = url.hasPrefix("http://")
        guard isPlain || url.hasPrefix("https://"), let host = host(url) else {
            return "\(withoutCredentials(url)): expected https://HOST[:PORT], or http:// to loopback"
        }
        guard isPlain, !isPlainAllowed, !LoopbackAddress.isLoopback(host) else { return nil }
        return "\(withoutCredentials(url)): without TLS only to loopback; use https://, or set VAHO_PLAIN_HTTP=anywhere"
    }

    private static func endsAuthority(_ byte: UInt8) -> Bool { [47, 63, 35, 92].contains(byte) }  // / ? # \
}

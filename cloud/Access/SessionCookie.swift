/// The cookie that carries a session's token in the browser.
package enum SessionCookie {
    /// Over TLS the name begins with `__Host-`: browsers accept such a cookie only from this host itself and only over TLS.
    package static func name(isSecure: Bool) -> String { isSecure ? "__Host-vaho_session" : "vaho_session" }

    /// The value of `Set-Cookie`. Scripts cannot read the cookie, and requests that other sites cause do not carry it, except for links to a page.
    package static func header(_ token: String, isSecure: Bool, seconds: Int64) -> String {
        "\(name(isSecure: isSecure))=\(token); Path=/; HttpOnly; SameSite=Lax; Max-Age=\(seconds)\(isSecure ? "; Secure" : "")"
    }

    /// The token in a `Cookie` header.
    package static func token(in header: String?, isSecure: Bool) -> String? {
        let wanted = name(isSecure: isSecure)
        for part in (header ?? "").split(separator: ";") {
            let pair = part.drop { $0 == " " }.split(separator: "=", maxSplits: 1)
            if pair.count == 2, pair[0] == wanted { return String(pair[1]) }
        }
        return nil
    }
}

/// An address as it may be shown: user name and password stay out of logs and terminals.
package enum URLText {
    package static func withoutCredentials(_ url: String) -> String {
        let bytes = Array(url.utf8)
        var start = 0
        while start + 2 < bytes.count, bytes[start] != 58 || bytes[start + 1] != 47 || bytes[start + 2] != 47 { start += 1 }
        guard start + 2 < bytes.count else { return url }
        let authority = bytes[(start + 3)...].prefix { ![47, 63, 35].contains($0) }  // up to / ? #
        guard let at = authority.lastIndex(of: 64) else { return url }
        return String(decoding: bytes[..<(start + 3)] + bytes[(at + 1)...], as: UTF8.self)
    }
}

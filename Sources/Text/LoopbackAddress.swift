/// Checks for loopback addresses, which belong to this machine only.
package enum LoopbackAddress {
    /// True only for localhost, ::1, 127.a.b.c, or 127.a.b.c as an IPv6 address; false for a name that only begins
    /// like a loopback address, such as 127.0.0.1.example.org.
    /// - Parameter host: a host without port; an IPv6 address with or without brackets.
    package static func isLoopback(_ host: some StringProtocol) -> Bool {
        var host = host.lowercased()
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        if host == "localhost" || host == "::1" { return true }
        if host.hasPrefix("::ffff:") { host = String(host.dropFirst(7)) }
        let numbers = host.split(separator: ".", omittingEmptySubsequences: false)
        return numbers.count == 4 && numbers[0] == "127" && numbers.allSatisfy { UInt8($0) != nil }
    }
}

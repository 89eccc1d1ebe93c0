internal import Glibc

/// The reverse proxies whose `X-Forwarded-…` headers are used. The server ignores these headers from all other clients, because any client can send them.
package struct TrustedProxies: Sendable, Equatable {
    private let ranges: [AddressRange]

    package static let none = TrustedProxies(ranges: [])
    package static let syntax = "addresses and networks such as 127.0.0.1, 10.0.0.0/8 or fd00::/8, separated by commas"

    private init(ranges: [AddressRange]) { self.ranges = ranges }

    /// - Returns: `nil` if a part of the text is not an address or a network.
    package init?(_ text: String) {
        var ranges: [AddressRange] = []
        for part in text.split(whereSeparator: { $0 == "," || $0 == " " }) {
            guard let range = AddressRange(part) else { return nil }
            ranges.append(range)
        }
        self.ranges = ranges
    }

    package var isEmpty: Bool { ranges.isEmpty }

    package func trusts(_ address: String) -> Bool {
        guard let bytes = AddressRange.bytes(address) else { return false }
        return ranges.contains { $0.contains(bytes) }
    }

    /// The client's address: the last address of `X-Forwarded-For` that is not a trusted proxy's. Addresses before it may be invented by the client.
    package func client(peer: String, forwardedFor: String?) -> String {
        guard trusts(peer), let forwardedFor else { return peer }
        var client = peer
        for part in forwardedFor.split(separator: ",").reversed() {
            let address = String(part.drop { $0 == " " }.prefix { $0 != " " })
            guard AddressRange.bytes(address) != nil else { break }
            client = address
            if !trusts(address) { break }
        }
        return client
    }
}

/// A network of IPv4 or IPv6 addresses.
package struct AddressRange: Sendable, Equatable {
    private let bytes: [UInt8]
    private let prefixLength: Int

    init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), let bytes = AddressRange.bytes(String(parts[0])) else { return nil }
        let length = parts.count == 1 ? bytes.count * 8 : Int(parts[1]) ?? -1
        guard (0...bytes.count * 8).contains(length) else { return nil }
        (self.bytes, prefixLength) = (bytes, length)
    }

    /// The network that identifies a client: the address itself for IPv4, the first 64 bits for IPv6.
    package static func network(of address: String) -> String {
        guard let bytes = bytes(address), bytes.count == 16 else { return address }
        return bytes.prefix(8).map { String($0, radix: 16) }.joined(separator: ":")
    }

    func contains(_ address: [UInt8]) -> Bool {
        guard address.count == bytes.count else { return false }
        let whole = prefixLength / 8, rest = prefixLength % 8
        guard address.prefix(whole) == bytes.prefix(whole) else { return false }
        return rest == 0 || (address[whole] ^ bytes[whole]) >> UInt8(8 - rest) == 0
    }

    /// The bytes of a numeric address, without a port; an IPv4 address in IPv6 form becomes IPv4.
    static func bytes(_ text: String) -> [UInt8]? {
        var four = in_addr(), six = in6_addr()
        if unsafe inet_pton(AF_INET, text, &four) == 1 { return unsafe withUnsafeBytes(of: &four) { unsafe Array($0) } }
        guard unsafe inet_pton(AF_INET6, text, &six) == 1 else { return nil }
        let bytes = unsafe withUnsafeBytes(of: &six) { unsafe Array($0) }
        let mapped = [UInt8](repeating: 0, count: 10) + [255, 255]
        return bytes.starts(with: mapped) ? Array(bytes.suffix(4)) : bytes
    }
}

import Access
import Testing

@Suite struct PasswordHashTests {
    @Test func `a password matches its own hash only, also after the hash was stored`() throws {
        let hash = try PasswordHash("correct horse battery")
        let stored = try #require(PasswordHash(text: hash.text))
        #expect(stored == hash)
        #expect(try stored.matches("correct horse battery"))
        #expect(try !stored.matches("correct horse batterz"))
        #expect(try !stored.matches(""))
        #expect(try PasswordHash("correct horse battery").text != hash.text, "each hash has a salt of its own")
    }

    @Test(arguments: ["", "scrypt", "scrypt:32768:8:3:zz:00", "argon2:1:2:3:00:00", "scrypt:a:8:3:00:00"])
    func `text in another format is not a password hash`(text: String) { #expect(PasswordHash(text: text) == nil) }

    @Test func `the check of a hash with a cost that libcrypto refuses throws an error`() throws {
        let hash = try #require(PasswordHash(text: "scrypt:3:8:1:00:00"))  // N is not a power of two
        #expect(throws: (any Error).self) { try hash.matches("x") }
    }

    @Test(arguments: [
        ("short", "nina", "at least 12"), (String(repeating: "long", count: 400), "nina", "at most 1024"), ("aaaaaaaaaaaaaa", "nina", "repeats"),
        ("my name is Nina!", "nina", "contains the name"),
    ])
    func `a weak password is refused with the reason`(password: String, name: String, words: String) throws {
        #expect(try #require(PasswordHash.problem(with: password, of: name)).contains(words))
    }

    @Test func `a good password has no problem`() { #expect(PasswordHash.problem(with: "four plain green words", of: "nina") == nil) }
}

@Suite struct TrustedProxiesTests {
    @Test(arguments: ["300.1.1.1", "10.0.0.0/33", "10.0.0.0/8/8", "proxy.example", "fd00::/129", "10.0.0.0/-1"])
    func `what is not an address or a network is refused`(text: String) { #expect(TrustedProxies(text) == nil) }

    @Test func `addresses and networks of both families are recognised`() throws {
        let proxies = try #require(TrustedProxies("127.0.0.1, 10.8.0.0/13,fd00::/8"))
        for address in ["127.0.0.1", "10.8.0.0", "10.15.255.255", "fd12::1", "::ffff:127.0.0.1"] { #expect(proxies.trusts(address), "\(address)") }
        for address in ["127.0.0.2", "10.16.0.0", "fe80::1", "", "localhost"] { #expect(!proxies.trusts(address), "\(address)") }
    }

    @Test(
        arguments: [
            ("10.0.0.1", "198.51.100.7", "198.51.100.7"),  // one proxy
            ("10.0.0.1", "6.6.6.6, 198.51.100.7", "198.51.100.7"),  // the client has invented the first address
            ("10.0.0.1", "198.51.100.7, 10.0.0.2", "198.51.100.7"),  // two proxies
            ("10.0.0.1", "198.51.100.7, nonsense", "10.0.0.1"),
            ("10.0.0.1", nil, "10.0.0.1"),
            ("203.0.113.5", "198.51.100.7", "203.0.113.5"),  // not a proxy
        ] as [(String, String?, String)])
    func `the client's address comes from trusted proxies only`(peer: String, header: String?, client: String) throws {
        #expect(try #require(TrustedProxies("10.0.0.0/8")).client(peer: peer, forwardedFor: header) == client)
    }
}

@Suite struct SessionCookieTests {
    @Test func `the cookie has HttpOnly and SameSite, and over TLS also Secure and the prefix of a host cookie`() {
        let plain = SessionCookie.header("t", isSecure: false, seconds: 60), secure = SessionCookie.header("t", isSecure: true, seconds: 60)
        for header in [plain, secure] { #expect(header.contains("; HttpOnly") && header.contains("; SameSite=Lax") && header.contains("; Path=/")) }
        #expect(secure.hasPrefix("__Host-vaho_session=t") && secure.hasSuffix("; Secure") && !plain.contains("Secure"))
    }

    @Test(
        arguments: [
            ("vaho_session=abc", "abc"), ("a=b; vaho_session=abc; c=d", "abc"), ("xvaho_session=abc", nil), ("vaho_session=", nil), (nil, nil),
            ("__Host-vaho_session=abc", nil),
        ] as [(String?, String?)])
    func `the token is found among other cookies`(header: String?, token: String?) {
        #expect(SessionCookie.token(in: header, isSecure: false) == token)
    }
}

import HTTPClient
import Testing

@Suite struct ShownAddressTests {
    @Test(arguments: [
        ("https://user:secret@vaho.example/x?y@z", "https://vaho.example/x?y@z"), ("http://a:b@c:d@host:1/", "http://host:1/"),
        ("https://vaho.example/a@b", "https://vaho.example/a@b"), ("no address", "no address"), ("https://secret@", "https://"),
        ("https:user:pw@host", "host"),
    ])
    func `user name and password of an address are not shown`(url: String, shown: String) { #expect(URLText.withoutCredentials(url) == shown) }

    @Test(arguments: [
        ("https://vaho.example/", false, nil), ("http://localhost:8080/", false, nil), ("http://127.0.0.1/", false, nil),
        ("http://[::1]:8080", false, nil), ("http://vaho.example/", true, nil), ("http://vaho.example/", false, "without TLS only to loopback"),
        ("http://u:secret@vaho.example/", false, "http://vaho.example/: without TLS"), ("http://localhost.evil.example/", false, "without TLS"),
        ("http://evil.example?@localhost", false, "without TLS"), ("ftp://localhost/", false, "expected https://"),
        ("https://", true, "expected https://"), ("localhost:8080", true, "expected https://"),
    ])
    func `an address is accepted with TLS, to loopback, or where plain HTTP is allowed`(url: String, isPlainAllowed: Bool, words: String?) {
        let problem = URLText.problem(with: url, isPlainAllowed: isPlainAllowed)
        #expect(words.map { problem?.contains($0) == true } ?? (problem == nil), "\(problem ?? "")")
        #expect(problem?.contains("secret") != true)
    }

    @Test(arguments: [
        ("http://evil.example?@localhost", "evil.example"), ("http://evil.example#@localhost/", "evil.example"),
        ("http://evil.example\\@localhost", "evil.example"), ("http://localhost@evil.example:1/x@localhost", "evil.example:1"),
        ("http://a:b@[::1]:80/", "[::1]:80"), ("https:///x", nil), ("localhost", nil),
    ])
    func `a request goes to the host before the path, the query and the fragment`(url: String, host: String?) {
        #expect(URLText.hostAndPort(url) == host)
    }
}

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
        ("http://evil.example?@localhost", "evil.example"), ("http://evil.example#@localhost/", "evil.example"),
        ("http://evil.example\\@localhost", "evil.example"), ("http://localhost@evil.example:1/x@localhost", "evil.example:1"),
        ("http://a:b@[::1]:80/", "[::1]:80"), ("https:///x", nil), ("localhost", nil),
    ])
    func `a request goes to the host before the path, the query and the fragment`(url: String, host: String?) {
        #expect(URLText.hostAndPort(url) == host)
    }
}

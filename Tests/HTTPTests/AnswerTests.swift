import Deflate
import Foundation
import HTTPClient
@testable import HTTPServer
import Testing

@Suite(.serialized) struct AnswerTests {
    private let text = String(repeating: "{\"humidity_pct\":45.1}", count: 100)
    private let client = HTTPClient(settings: HTTPClient.Settings(userAgent: "test"))

    private func server(hosts: HostNames = .any, type: String = "application/json") throws -> HTTPServer {
        let text = text
        return try HTTPServer(
            address: "127.0.0.1", port: 0, limits: HTTPLimits(bodyBytes: 1_000), hosts: hosts,
            makeRefusal: { HTTPResponse(status: $0, type: "text/plain", body: Array($1.utf8)) }
        ) { request in
            request.path == "/missing"
                ? HTTPResponse(status: 404, type: type, body: Array(text.utf8)) : HTTPResponse(type: type, body: Array(text.utf8))
        }
    }

    private func get(_ server: HTTPServer, _ path: String = "/", _ headers: [(name: String, value: String)] = []) async throws -> HTTPClient.Response
    {
        try await client.send(HTTPClient.Request(method: "GET", url: "http://127.0.0.1:\(server.port)\(path)", headers: headers))
    }

    @Test(.timeLimit(.minutes(1))) func `a response is compressed only if the client accepts gzip`() async throws {
        let server = try server()
        let packed = try await get(server, "/", [("Accept-Encoding", "br, gzip;q=0.8")])
        #expect(packed.headers["content-encoding"] == "gzip" && packed.headers["vary"] == "Accept-Encoding")
        let decompressed = try Deflate.decompressed(packed.body, limit: 10_000)
        #expect(packed.body.count < 200 && String(decoding: decompressed, as: UTF8.self) == text)
        for header in ["identity", "gzip;q=0", "gzip;q=0, *", "br"] {
            let plain = try await get(server, "/", [("Accept-Encoding", header)])
            #expect(plain.headers["content-encoding"] == nil && String(decoding: plain.body, as: UTF8.self) == text, "\(header)")
        }
        #expect(try await get(server).headers["x-content-type-options"] == "nosniff")
        await server.stop()
        let images = try self.server(type: "image/png")
        #expect(try await get(images, "/", [("Accept-Encoding", "gzip")]).headers["content-encoding"] == nil)
        await images.stop()
    }

    @Test(.timeLimit(.minutes(1))) func `a matching If-None-Match gets 304`() async throws {
        let server = try server()
        let tag = try #require(try await get(server).headers["etag"])
        for known in [tag, String(tag.dropFirst(2)), "\"other\", \(tag)", "*"] {
            let again = try await get(server, "/", [("If-None-Match", known), ("Accept-Encoding", "gzip")])
            #expect(again.status == 304 && again.body.isEmpty && again.headers["etag"] == tag, "\(known)")
        }
        #expect(try await get(server, "/", [("If-None-Match", "W/\"other\"")]).status == 200)
        let missing = try await get(server, "/missing")
        #expect(missing.status == 404 && missing.headers["etag"] == nil)
        await server.stop()
    }

    @Test(
        .timeLimit(.minutes(1)),
        arguments: [
            ("Content-Length: 3\r\nContent-Length: 5", 400), ("Content-Length: 3\r\nContent-Length: 3", 400),
            ("Content-Length: 3\r\nTransfer-Encoding: chunked", 400), ("Transfer-Encoding: chunked\r\nContent-Length: 3", 400),
            ("Transfer-Encoding: gzip, chunked", 400), ("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", 400),
            ("Host: b\r\nContent-Length: 3", 400), ("Content-Length: 3", 200),
        ])
    func `a request with an ambiguous end is refused, and the connection is closed`(headers: String, status: Int) async throws {
        let server = try server()
        let socket = connected(server.port)
        defer { close(socket) }
        say("POST / HTTP/1.1\r\nHost: a\r\n\(headers)\r\n\r\n3\r\nabc\r\n0\r\n\r\nGET /missing HTTP/1.1\r\nHost: a\r\n\r\n", to: socket)
        var answer = ""
        while let more = heard(socket), answer.utf8.count < 100_000, status == 400 || answer.isEmpty { answer += more }
        #expect(answer.hasPrefix("HTTP/1.1 \(status) "), "\(headers): \(answer.prefix(200))")
        if status == 400 { #expect(answer.components(separatedBy: "HTTP/1.1 ").count == 2, "\(headers): a second request was answered") }
        await server.stop()
    }

    @Test func `repeated X-Forwarded-For lines are joined, and a request with more than 100 headers is refused`() {
        var head = RequestHead()
        for value in ["6.6.6.6", "198.51.100.7"] { head.add("X-Forwarded-For", value) }
        #expect(head.headers["x-forwarded-for"] == "6.6.6.6, 198.51.100.7" && head.ambiguity == nil)
        for number in 0..<99 { head.add("x-\(number)", "1") }
        head.add("X-Forwarded-For", "10.0.0.1")
        #expect(head.headers["x-forwarded-for"]?.hasSuffix(", 10.0.0.1") == true && head.ambiguity == nil)
        head.add("x-one-more", "1")
        #expect(head.ambiguity == "the request has more than 100 headers")
    }

    @Test func `a loopback server accepts loopback names, IP addresses and the configured names`() {
        let loopback = HostNames(isLoopback: true, allowed: ["Vaho.example.org"])
        for name in [nil, "", "localhost", "localhost:8470", "127.0.0.1:8470", "[::1]:8470", "192.168.1.5", "edge.localhost", "vaho.example.org:443"]
        {
            #expect(loopback.allows(name), "\(name ?? "none")")
        }
        for name in ["evil.example", "evil.example:8470", "localhost.evil.example", "127.0.0.1.evil.example", "1.2.3", "vaho"] {
            #expect(!loopback.allows(name), "\(name)")
        }
        #expect(HostNames(isLoopback: false, allowed: []).allows("cloud.example.org"))
        #expect(!HostNames(isLoopback: false, allowed: ["cloud.example.org"]).allows("evil.example"))
    }

    @Test(.timeLimit(.minutes(1))) func `a request for a foreign host name gets 421, even with a token`() async throws {
        let server = try server(hosts: HostNames(isLoopback: true, allowed: []))
        let strange = try await get(server, "/", [("Host", "evil.example")])
        #expect(strange.status == 421 && String(decoding: strange.body, as: UTF8.self).contains("VAHO_ALLOWED_HOSTS"))
        #expect(try await get(server, "/", [("Host", "cloud.example.org"), ("Authorization", "Bearer x")]).status == 421)
        #expect(try await get(server, "/", [("Host", "localhost:1")]).status == 200)
        await server.stop()
    }
}

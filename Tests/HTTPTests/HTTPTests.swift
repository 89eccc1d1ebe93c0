import Deflate
import Foundation
import HTTPClient
@testable import HTTPServer
import Synchronization
import Testing

@Suite(.serialized) struct HTTPTests {
    /// Returns the request body unchanged.
    private func echo(_ request: HTTPRequest) -> HTTPResponse {
        do throws(BodyRefusal) { return HTTPResponse(status: 200, body: try request.body()) } catch { return error.response }
    }

    private let client = HTTPClient(settings: HTTPClient.Settings(userAgent: "test"))

    @Test(.timeLimit(.minutes(1))) func `the server receives the whole request, and the client receives the whole response`() async throws {
        let server = try server { request in
            let seen =
                "\(request.method) \(request.path) \(request.query["a"] ?? "") \(request.headers["x-test"] ?? "") \((try? request.body()) ?? [])"
            return HTTPResponse(status: 201, headers: [("X-Answer", "yes")], body: Array(seen.utf8))
        }
        let response = try await client.send(
            HTTPClient.Request(method: "POST", url: "http://127.0.0.1:\(server.port)/p%20q?a=1%2B2", headers: [("X-Test", "t")], body: [1, 2]))
        #expect(response.status == 201)
        #expect(response.headers["x-answer"] == "yes")
        #expect(String(decoding: response.body, as: UTF8.self) == "POST /p q 1+2 t [1, 2]")
        let get = try await client.send(HTTPClient.Request(method: "GET", url: "http://127.0.0.1:\(server.port)/"))
        #expect(String(decoding: get.body, as: UTF8.self) == "GET /   []")
        await server.stop()
    }

    @Test(.timeLimit(.minutes(1))) func `a body beyond the limit gets 413, and the server continues`() async throws {
        let server = try server { echo($0) }
        let large = try await client.send(
            HTTPClient.Request(method: "POST", url: "http://127.0.0.1:\(server.port)/", body: [UInt8](repeating: 1, count: 1_001)))
        #expect(large.status == 413)
        let small = try await client.send(
            HTTPClient.Request(method: "POST", url: "http://127.0.0.1:\(server.port)/", body: [UInt8](repeating: 1, count: 1_000)))
        #expect(small.status == 200 && small.body.count == 1_000)
        await server.stop()
    }

    @Test(.timeLimit(.minutes(1)))
    func `a compressed body is expanded within the same limit, and an unknown coding is refused with the known codings`() async throws {
        let server = try server { echo($0) }
        func post(_ body: [UInt8], _ coding: String) async throws -> HTTPClient.Response {
            try await client.send(
                HTTPClient.Request(method: "POST", url: "http://127.0.0.1:\(server.port)/", headers: [("Content-Encoding", coding)], body: body))
        }
        let plain = [UInt8](repeating: 65, count: 1_000)
        let answer = try await post(#require(Deflate.compressed(plain)), "deflate")
        #expect(answer.status == 200 && answer.body == plain)
        #expect(answer.headers["accept-encoding"] == "gzip, deflate")
        #expect(try await post(#require(Deflate.compressed(plain + [65])), "deflate").status == 413)
        #expect(try await post(Array(#require(Deflate.compressed(plain)).dropLast()), "gzip").status == 400)
        let unknown = try await post(plain, "br")
        #expect(unknown.status == 415 && unknown.headers["accept-encoding"] == "gzip, deflate")
        #expect(try await post(plain, "identity").body == plain)
        await server.stop()
    }

    @Test(.timeLimit(.minutes(1))) func `the expanded size of a body counts against the budget and is released afterwards`() async throws {
        var limits = HTTPLimits(bodyBytes: 100_000)
        limits.budgetBytes = 40_000
        let server = try HTTPServer(
            address: "127.0.0.1", port: 0, limits: limits, makeRefusal: { status, _ in HTTPResponse(status: status) }, isAuthenticated: { _ in true },
            handler: { request in
                do throws(BodyRefusal) { return HTTPResponse(status: 200, body: Array(String(try request.body().count).utf8)) } catch {
                    return error.response
                }
            })
        func post(_ count: Int) async throws -> HTTPClient.Response {
            let body = try #require(Deflate.compressed([UInt8](repeating: 65, count: count)))
            return try await client.send(
                HTTPClient.Request(method: "POST", url: "http://127.0.0.1:\(server.port)/", headers: [("Content-Encoding", "deflate")], body: body))
        }
        for _ in 0..<20 {
            let refused = try await post(50_000)
            #expect(refused.status == 503 && refused.headers["retry-after"] == "5")
            #expect(try await post(30_000).body == Array("30000".utf8))
        }
        await server.stop()
    }

    @Test(.timeLimit(.minutes(1))) func `a port in use is reported`() async throws {
        let first = try server { _ in HTTPResponse(status: 200) }
        let error = #expect(throws: ListenError.self) {
            try HTTPServer(
                address: "127.0.0.1", port: first.port, limits: HTTPLimits(bodyBytes: 1), makeRefusal: { status, _ in HTTPResponse(status: status) },
                handler: { _ in HTTPResponse(status: 200) })
        }
        #expect(error?.description.contains("the port is in use") == true)
        await first.stop()
    }

    @Test(.timeLimit(.minutes(1))) func `stopping waits for a running handler`() async throws {
        let (entered, signal) = AsyncStream.makeStream(of: Void.self)
        let (gate, open) = AsyncStream.makeStream(of: Void.self)
        let server = try server { _ in
            signal.yield()
            for await _ in gate { break }
            return HTTPResponse(status: 200, body: [9])
        }
        async let answer = client.send(HTTPClient.Request(method: "GET", url: "http://127.0.0.1:\(server.port)/"))
        for await _ in entered { break }
        async let stopped: Void = server.stop()
        open.yield()
        #expect(try await answer.body == [9])
        await stopped
    }

    @Test(.timeLimit(.minutes(1))) func `a cancelled request ends at once even if the server never answers`() async throws {
        let (entered, signal) = AsyncStream.makeStream(of: Void.self)
        let (gate, open) = AsyncStream.makeStream(of: Void.self)
        let server = try server { _ in
            signal.yield()
            for await _ in gate { break }
            return HTTPResponse(status: 200)
        }
        let request = HTTPClient.Request(method: "GET", url: "http://127.0.0.1:\(server.port)/")
        let sending = Task { try await client.send(request) }
        for await _ in entered { break }
        let clock = ContinuousClock()
        let took = await clock.measure {
            sending.cancel()
            _ = await sending.result
        }
        #expect(took < .seconds(5))
        open.yield()
        await server.stop()
    }

    @Test(.timeLimit(.minutes(1))) func `an unreachable server gives an error with the address`() async throws {
        let server = try server { _ in HTTPResponse(status: 200) }
        let url = "http://127.0.0.1:\(server.port)/"
        await server.stop()
        let error = await #expect(throws: CurlError.self) { try await client.send(HTTPClient.Request(method: "GET", url: url)) }
        #expect(error?.url == url)
    }

    @Test func `a request matches a route by path and method, HEAD also matches GET, and a wrong method returns the allowed methods`() {
        var router = Router<String>()
        router.add("GET", "/v1/devices/{id}", "device")
        router.add("DELETE", "/v1/devices/{id}", "deletion")
        for method in ["GET", "HEAD"] {
            guard case .found("device", let parameters) = router.match(method, "/v1/devices/a") else {
                Issue.record("\(method) finds no route")
                continue
            }
            #expect(parameters == ["id": "a"])
        }
        guard case .otherMethods(["GET", "DELETE"]) = router.match("PUT", "/v1/devices/a") else {
            Issue.record("PUT finds a route")
            return
        }
        for path in ["/v1/devices/a/b", "/v1/devices", ""] {
            guard case .nothing = router.match("GET", path) else {
                Issue.record("\(path) finds a route")
                continue
            }
        }
    }
}

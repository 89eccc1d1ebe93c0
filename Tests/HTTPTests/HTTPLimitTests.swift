import Foundation
import HTTPClient
@testable import HTTPServer
import Synchronization
import Testing

/// What a server does when a client exceeds a limit.
@Suite(.serialized) struct HTTPLimitTests {
    private let client = HTTPClient(settings: HTTPClient.Settings(userAgent: "test"))

    /// A client that never completes its body.
    private func trickle(_ port: UInt16) -> Int32 {
        let socket = connected(port)
        say("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n", to: socket)
        return socket
    }

    @Test(.timeLimit(.minutes(1)), arguments: [64, 200, 300, 1_000])
    func `a request is answered at once, and is refused if it has more than 64 query parameters`(count: Int) async throws {
        let server = try server { HTTPResponse(status: 200, body: Array(String($0.query.count).utf8)) }
        func get(_ count: Int) -> String? {
            let socket = connected(server.port)
            defer { close(socket) }
            say("GET /?\((0..<count).map { "a\($0)=1" }.joined(separator: "&")) HTTP/1.1\r\nHost: x\r\n\r\n", to: socket)
            return heard(socket)
        }
        let clock = ContinuousClock()
        let start = clock.now
        if count > 64 {
            #expect(get(count)?.hasPrefix("HTTP/1.1 400") == true)
        } else {
            #expect(get(count)?.hasSuffix("\r\n\r\n\(count)") == true)
        }
        #expect(clock.now - start < .seconds(5))  // libmicrohttpd alone leaves it unanswered for 30
        await server.stop()
    }

    /// libmicrohttpd crashes if it is stopped while it detects a malformed request.
    @Test(.timeLimit(.minutes(1))) func `a server that is stopped during a flood of malformed requests shuts down cleanly`() async throws {
        let query = (0..<900).map { "a\($0)=1" }.joined(separator: "&")
        for _ in 0..<40 {
            let server = try server { _ in HTTPResponse(status: 200) }
            let sockets = (0..<20).map { _ in connected(server.port) }
            for socket in sockets { say("GET /?\(query) HTTP/1.1\r\nHost: x\r\n\r\n", to: socket) }
            if let first = sockets.first { _ = heard(first) }
            await server.stop()
            for socket in sockets { close(socket) }
        }
    }

    @Test(.timeLimit(.minutes(1))) func `at the connection limit, the server closes idle connections and keeps busy ones`() async throws {
        var limits = HTTPLimits(bodyBytes: 1_000, connections: 32)
        limits.connectionsPerAddress = 1
        let server = try HTTPServer(
            address: "127.0.0.1", port: 0, limits: limits, makeRefusal: { status, _ in HTTPResponse(status: status) },
            isAuthenticated: { $0["x-known"] != nil }, handler: { _ in HTTPResponse(status: 200, body: [111, 107]) })
        let url = "http://127.0.0.1:\(server.port)/"
        func get() async throws -> Int {
            try await client.send(HTTPClient.Request(method: "POST", url: url, headers: [("X-Known", "1")], body: [1])).status
        }
        #expect(try await get() == 200)
        var idle: [Int32] = []
        for _ in 0..<200 {
            idle.append(connected(server.port))
            if idle.count % 20 == 0 { #expect(try await get() == 200) }
        }
        // The first connections were closed.
        #expect(idle.prefix(100).allSatisfy { heard($0, flags: Int32(MSG_DONTWAIT)) == nil })
        let late = connected(server.port)
        say("GET / HTTP/1.1\r\nHost: x\r\n\r\n", to: late)
        #expect(heard(late)?.hasPrefix("HTTP/1.1 200") == true)
        for socket in idle + [late] { close(socket) }
        await server.stop()
    }

    @Test(.timeLimit(.minutes(1))) func `a shared answer is in memory once, and slow readers of other answers are refused or cut off`() async throws {
        var limits = HTTPLimits(bodyBytes: 1_000, responseBytes: 10_000_000)
        (limits.responseSeconds, limits.responseBytesPerSecond) = (1, 4_000_000)
        let shared = HTTPBody([UInt8](repeating: 65, count: 8_000_000))
        let server = try HTTPServer(
            address: "127.0.0.1", port: 0, limits: limits, makeRefusal: { status, _ in HTTPResponse(status: status) },
            handler: { request in
                switch request.path {
                case "/shared": HTTPResponse(status: 200, body: shared)
                case "/own": HTTPResponse(status: 200, body: [UInt8](repeating: 66, count: 8_000_000))
                default: HTTPResponse(status: 204)
                }
            })
        func slow(_ path: String) -> Int32 {
            let socket = connected(server.port, receiving: 2_048)
            say("GET \(path) HTTP/1.1\r\nHost: x\r\n\r\n", to: socket)
            return socket
        }
        func status(_ socket: Int32) -> String? { heard(socket, 12)?.split(separator: " ").last.map(String.init) }
        let readers = (0..<20).map { _ in slow("/shared") }
        #expect(readers.map(status).allSatisfy { $0 == "200" })
        // There is no room for a second answer of this size while the shared one is read.
        let other = slow("/own")
        #expect(status(other) == "503")
        // The readers take longer than the three seconds allowed for 8 MB: they are cut off, and there is room again.
        var sockets = readers + [other]
        var found: String?
        while found != "200" {
            sockets.append(slow("/own"))
            found = status(sockets[sockets.count - 1])
            #expect(try await client.send(HTTPClient.Request(method: "GET", url: "http://127.0.0.1:\(server.port)/none")).status == 204)
        }
        for socket in sockets { close(socket) }
        await server.stop()
    }

    @Test(.timeLimit(.minutes(1))) func `a stop cancels slow handlers and completes within two seconds`() async throws {
        let (entered, signal) = AsyncStream.makeStream(of: Void.self)
        let server = try server { _ in
            signal.yield()
            for await _ in AsyncStream<Never>.makeStream().stream {}  // ends when the handler is cancelled
            return HTTPResponse(status: Task.isCancelled ? 503 : 200)
        }
        async let answer = client.send(HTTPClient.Request(method: "GET", url: "http://127.0.0.1:\(server.port)/"))
        for await _ in entered { break }
        let took = await ContinuousClock().measure { await server.stop() }
        #expect(took < .seconds(2))
        #expect(try await answer.status == 503)
    }

    @Test(.timeLimit(.minutes(1))) func `an answer that arrives too slowly is abandoned`() async throws {
        let listener = Foundation.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        (address.sin_family, address.sin_addr.s_addr) = (sa_family_t(AF_INET), in_addr_t(0x7F00_0001).bigEndian)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        _ = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, length) + listen(listener, 1) + getsockname(listener, $0, &length)
            }
        }
        let port = address.sin_port.bigEndian
        let dripping = Thread {
            let peer = accept(listener, nil, nil)
            var request = [UInt8](repeating: 0, count: 4_096)
            _ = recv(peer, &request, request.count, 0)
            let head = Array("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n".utf8)
            _ = send(peer, head, head.count, Int32(MSG_NOSIGNAL))
            // Two bytes ten times a second, until the client closes the connection.
            var client = pollfd(fd: peer, events: Int16(POLLIN), revents: 0)
            while poll(&client, 1, 100) == 0, send(peer, [120, 120], 2, Int32(MSG_NOSIGNAL)) > 0 {}
            close(peer)
        }
        dripping.start()
        var settings = HTTPClient.Settings(userAgent: "test")
        (settings.graceSeconds, settings.minimumBytesPerSecond) = (1, 1_024)
        let request = HTTPClient.Request(method: "GET", url: "http://user:secret@127.0.0.1:\(port)/release")
        let error = await #expect(throws: CurlError.self) { try await HTTPClient(settings: settings).send(request) }
        #expect(error?.message.contains("slower than 1024 bytes per second") == true)
        #expect(error.map { "\($0)".contains("secret") } == false && error?.url == "http://127.0.0.1:\(port)/release")
        close(listener)
    }

    @Test(.timeLimit(.minutes(1))) func `a client that sends single bytes slowly is cut off, and other clients are served meanwhile`() async throws {
        var limits = HTTPLimits(bodyBytes: 1_000_000)
        limits.requestSeconds = 2
        let server = try HTTPServer(
            address: "127.0.0.1", port: 0, limits: limits, makeRefusal: { status, _ in HTTPResponse(status: status) },
            handler: { _ in HTTPResponse(status: 200) })
        let sockets = (0..<50).map { _ in trickle(server.port) }
        var open = Set(sockets)
        // Each open connection sends one more byte per served request: it is never silent and never complete.
        while !open.isEmpty {
            for socket in open where send(socket, [120], 1, Int32(MSG_NOSIGNAL)) < 0 { open.remove(socket) }
            #expect(try await client.send(HTTPClient.Request(method: "GET", url: "http://127.0.0.1:\(server.port)/")).status == 200)
        }
        for socket in sockets { close(socket) }
        await server.stop()
    }

    @Test(.timeLimit(.minutes(1))) func `headers beyond the limit are refused, and other requests are served`() async throws {
        var limits = HTTPLimits(bodyBytes: 1_000)
        limits.headerBytes = 8_192
        let server = try HTTPServer(
            address: "127.0.0.1", port: 0, limits: limits, makeRefusal: { status, _ in HTTPResponse(status: status) },
            handler: { _ in HTTPResponse(status: 200) })
        let client = self.client
        func get(_ headers: [(name: String, value: String)]) async throws -> Int {
            try await client.send(HTTPClient.Request(method: "GET", url: "http://127.0.0.1:\(server.port)/", headers: headers)).status
        }
        let long = String(repeating: "x", count: 3_000)
        #expect(try await get([("A", long)]) == 200)
        // libmicrohttpd answers 431 if it can, and otherwise closes the connection.
        do { #expect(try await get((0..<40).map { ("H\($0)", long) }) == 431) } catch let error as CurlError {
            #expect(error.code != 28, "\(error)")
        }
        #expect(try await get([]) == 200)
        await server.stop()
    }

    @Test func `the connections of one address are limited, and connections from this host are not`() {
        var limits = HTTPLimits(bodyBytes: 1)
        limits.connectionsPerAddress = 2
        let table = ConnectionTable(limits)
        var ours: [Int32] = []
        func connect(_ name: UInt, from peer: String) -> Bool {
            var pair: [Int32] = [0, 0]
            _ = socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &pair)
            ours += pair
            table.opened(name, descriptor: pair[1], peer: peer)
            var byte: UInt8 = 0
            return recv(pair[0], &byte, 1, Int32(MSG_DONTWAIT)) < 0  // 0: cut off
        }
        #expect([1, 2, 3].map { connect($0, from: "192.0.2.7") } == [true, true, false])
        #expect(connect(4, from: "192.0.2.8"))
        #expect((5...9).allSatisfy { connect($0, from: "127.0.0.1") })
        // A closed connection makes room.
        table.closed(1)
        table.closed(3)
        #expect(connect(10, from: "192.0.2.7"))
        for descriptor in ours { close(descriptor) }
    }

    @Test(.timeLimit(.minutes(1))) func `bodies beyond the budget get 503 unread, and unknown senders share a quarter of the budget`() async throws {
        let (entered, signal) = AsyncStream.makeStream(of: Void.self)
        let (gate, open) = AsyncStream.makeStream(of: Void.self)
        var limits = HTTPLimits(bodyBytes: 1_000)
        limits.budgetBytes = 2_000
        let server = try HTTPServer(
            address: "127.0.0.1", port: 0, limits: limits, makeRefusal: { status, _ in HTTPResponse(status: status) },
            isAuthenticated: { $0["x-known"] != nil }
        ) { request in
            if request.path == "/wait" {
                signal.yield()
                for await _ in gate { break }
            }
            return HTTPResponse(status: 200)
        }
        func post(_ count: Int, known: Bool, path: String = "/") -> HTTPClient.Request {
            HTTPClient.Request(
                method: "POST", url: "http://127.0.0.1:\(server.port)\(path)", headers: known ? [("X-Known", "1")] : [],
                body: [UInt8](repeating: 1, count: count))
        }
        #expect(try await client.send(post(900, known: true)).status == 200)
        let refused = try await client.send(post(900, known: false))
        #expect(refused.status == 503 && refused.headers["retry-after"] == "5")
        #expect(try await client.send(post(400, known: false)).status == 200)
        let others = (0..<2).map { _ in HTTPClient(settings: HTTPClient.Settings(userAgent: "test")) }
        try await withThrowingTaskGroup(of: Int.self) { group in
            var waiting = entered.makeAsyncIterator()
            for other in others {
                group.addTask { try await other.send(post(900, known: true, path: "/wait")).status }
                _ = await waiting.next()
            }
            #expect(try await client.send(post(300, known: true)).status == 503)
            open.yield()
            open.yield()
            for try await status in group { #expect(status == 200) }
        }
        // Released room can be used again.
        #expect(try await client.send(post(900, known: true)).status == 200)
        await server.stop()
    }
}

import Examples
import Foundation
import HTTPServer
import Synchronization
import Testing

/// Responses that are written while they are sent.
@Suite(.serialized, .timeLimit(.minutes(1))) struct BodyStreamTests {
    /// How many writing functions have begun and ended.
    private final class Counts: Sendable {
        let begun = Mutex(0)
        let ended = Mutex(0)
        let written = Mutex(0)
        func use(_ write: () async throws -> Void) async throws {
            begun.withLock { $0 += 1 }
            defer { ended.withLock { $0 += 1 } }
            try await write()
        }
        var running: Int { begun.withLock { $0 } - ended.withLock { $0 } }
    }

    private func server(_ counts: Counts = Counts(), connections: UInt32 = 256, _ write: @escaping BodyStream.Writing) throws -> HTTPServer {
        try HTTPServer(
            address: "127.0.0.1", port: 0, limits: HTTPLimits(bodyBytes: 1_000, connections: connections, idleSeconds: 2),
            makeRefusal: { HTTPResponse(status: $0, type: "text/plain", body: Array($1.utf8)) }
        ) { request in
            if request.path == "/short" { return HTTPResponse(type: "text/plain", body: Array("short".utf8)) }
            return HTTPResponse(headers: [("Content-Type", "text/event-stream")]) { stream in try await counts.use { try await write(stream) } }
        }
    }

    private func get(_ server: HTTPServer, method: String = "GET", receiving: Int32? = nil) -> Int32 {
        let socket = connected(server.port, receiving: receiving)
        say("\(method) / HTTP/1.1\r\nHost: x\r\n\r\n", to: socket)
        return socket
    }

    /// Reads until the answer contains `text`, or the server closes the connection.
    private func read(_ socket: Int32, until text: String) -> String {
        var all = ""
        while !all.contains(text), let more = heard(socket) { all += more }
        return all
    }

    @Test func `each part is sent when it is written, and the body ends when the writing function returns`() async throws {
        let (parts, feed) = AsyncStream.makeStream(of: String.self)
        let server = try server { stream in for await part in parts { try await stream.write(part.utf8) } }
        let socket = get(server)
        feed.yield("data: one\n\n")
        #expect(read(socket, until: "one\n\n").contains("Transfer-Encoding: chunked"))
        feed.yield("data: two\n\n")
        #expect(read(socket, until: "two\n\n").hasSuffix("data: two\n\n\r\n"))
        feed.finish()
        #expect(read(socket, until: "0\r\n\r\n") == "0\r\n\r\n")
        // The connection serves the next request.
        say("GET /short HTTP/1.1\r\nHost: x\r\n\r\n", to: socket)
        #expect(read(socket, until: "short").contains("200 OK"))
        close(socket)
        await server.stop()
    }

    @Test func `a client that disconnects cancels the writing function, and HEAD starts none`() async throws {
        let counts = Counts()
        let server = try server(counts) { stream in
            while true { try await stream.write("tick\n".utf8) }
        }
        for _ in 0..<20 {
            let socket = get(server)
            _ = read(socket, until: "tick")
            close(socket)
        }
        try await eventually { counts.running == 0 }
        #expect(counts.begun.withLock { $0 } == 20)
        let head = get(server, method: "HEAD")
        #expect(read(head, until: "\r\n\r\n").contains("200 OK"))
        close(head)
        #expect(counts.begun.withLock { $0 } == 20)
        await server.stop()
    }

    @Test func `a client that does not read suspends its writer and is disconnected, and other clients are served`() async throws {
        let counts = Counts()
        let server = try server(counts) { stream in
            while true {
                try await stream.write(repeatElement(UInt8(ascii: "x"), count: 4_096))
                counts.written.withLock { $0 += 4_096 }
            }
        }
        let slow = get(server, receiving: 4_096)
        try await eventually { counts.written.withLock { $0 } > 16_384 }
        let quick = connected(server.port)
        say("GET /short HTTP/1.1\r\nHost: x\r\n\r\n", to: quick)
        #expect(read(quick, until: "short").contains("200 OK"))
        try await eventually { counts.running == 0 }  // after the idle time of 2 s
        #expect(counts.written.withLock { $0 } < 16 << 20, "the server keeps what the kernel's buffers do not take")
        close(slow)
        close(quick)
        await server.stop()
    }

    @Test func `two hundred open streams do not delay the stop`() async throws {
        let counts = Counts()
        let server = try server(counts) { stream in
            try await stream.write("hello\n".utf8)
            for await _ in AsyncStream.makeStream(of: Never.self).stream {}  // until the task is cancelled
        }
        let sockets = (0..<200).map { _ in get(server) }
        for socket in sockets { _ = read(socket, until: "hello") }
        #expect(counts.running == 200)
        let started = ContinuousClock.now
        await server.stop()
        #expect(.now - started < .seconds(2))
        #expect(counts.running == 0)
        for socket in sockets {
            #expect(read(socket, until: "0\r\n\r\n").contains("0\r\n\r\n"), "the body has an end")
            close(socket)
        }
    }
}

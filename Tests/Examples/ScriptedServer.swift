internal import HTTPServer
import Synchronization

/// An HTTP server on loopback that answers with given statuses, in order, then with 204, and keeps the bodies of the requests.
package final class ScriptedServer: Sendable {
    private let server: HTTPServer
    private let received: Received

    private final class Received: Sendable {
        private let state: Mutex<(statuses: [Int], bodies: [String])>
        init(_ statuses: [Int]) { state = Mutex((statuses, [])) }

        func answer(_ body: [UInt8]) -> HTTPResponse {
            state.withLock { state in
                state.bodies.append(String(decoding: body, as: UTF8.self))
                return HTTPResponse(status: state.statuses.isEmpty ? 204 : state.statuses.removeFirst())
            }
        }

        var bodies: [String] { state.withLock { $0.bodies } }
    }

    package init(statuses: [Int]) throws {
        let received = Received(statuses)
        self.received = received
        server = try HTTPServer(
            address: "127.0.0.1", port: 0, limits: HTTPLimits(bodyBytes: 4_096), makeRefusal: { status, _ in HTTPResponse(status: status) },
            handler: { request in received.answer((try? request.body()) ?? []) })
    }

    package var url: String { "http://127.0.0.1:\(server.port)/" }
    package var bodies: [String] { received.bodies }
    package func stop() async { await server.stop() }
}

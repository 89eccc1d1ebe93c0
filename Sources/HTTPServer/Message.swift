internal import Deflate

package struct HTTPRequest: Sendable {
    package let method: String
    package let path: String  // percent-decoded
    package let query: [String: String]
    package let headers: [String: String]  // names in lower case
    package private(set) var peer: String  // the client's address; empty if unknown
    package let connectionPeer: String  // the address at the other end of the connection: of the client, or of a proxy
    package private(set) var isSecure: Bool  // whether the client uses TLS
    private let content: @Sendable () throws(BodyRefusal) -> [UInt8]

    package init(
        method: String, path: String, query: [String: String] = [:], headers: [String: String] = [:], peer: String = "", isSecure: Bool = false,
        body: [UInt8] = []
    ) {
        self.init(method: method, path: path, query: query, headers: headers, peer: peer, isSecure: isSecure) { () throws(BodyRefusal) in body }
    }

    init(
        method: String, path: String, query: [String: String], headers: [String: String], peer: String, isSecure: Bool,
        content: @escaping @Sendable () throws(BodyRefusal) -> [UInt8]
    ) {
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        (self.peer, connectionPeer) = (peer, peer)
        self.isSecure = isSecure
        self.content = content
    }

    /// The request as a trusted proxy describes it.
    package func forwarded(for client: String, isSecure: Bool) -> HTTPRequest {
        var request = self
        (request.peer, request.isSecure) = (client, isSecure)
        return request
    }

    /// The body. The first call decodes the body, so that refusing a request by its headers costs no decoding.
    /// - Throws: `BodyRefusal` if the body does not match its headers, or is too large.
    package func body() throws(BodyRefusal) -> [UInt8] { try content() }
}

/// A body is refused; the response contains the reason.
package struct BodyRefusal: Error {
    package let response: HTTPResponse
}

package struct HTTPResponse: Sendable {
    package var status: Int
    package var headers: [(name: String, value: String)]
    package internal(set) var body: HTTPBody
    package private(set) var stream: BodyStream.Writing?  // writes the body; `body` is then empty

    /// A response whose body is written while it is sent.
    package init(status: Int = 200, headers: [(name: String, value: String)], stream: @escaping BodyStream.Writing) {
        (self.status, self.headers, self.body, self.stream) = (status, headers, .empty, stream)
    }

    package init(status: Int, headers: [(name: String, value: String)] = [], body: HTTPBody = .empty) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    package init(status: Int, headers: [(name: String, value: String)] = [], body: [UInt8]) {
        self.init(status: status, headers: headers, body: HTTPBody(body))
    }

    package init(status: Int = 200, type: String, body: some Collection<UInt8>) {
        self.init(status: status, headers: [("Content-Type", type)], body: HTTPBody(Array(body)))
    }
}

/// Limits of a server.
package struct HTTPLimits: Sendable {
    package var bodyBytes: Int
    package var connections: UInt32  // if all are in use, the longest-waiting ones are closed
    package var idleSeconds: UInt32
    package var headerBytes: Int  // per connection: request line and headers
    package var threads: UInt32
    package var budgetBytes: Int  // of all bodies being received or handled; above the limit: 503
    package var requestSeconds: Int  // the time to receive a whole request, including the idle time before it
    package var connectionsPerAddress: Int  // for clients on other hosts; loopback addresses have no such limit
    package var queryParameters = 64  // a request with more gets 400
    package var responseBytes: Int  // of all responses being sent; above the limit: 503
    package var responseSeconds = 30  // the time limit to send a response, plus one second per `responseBytesPerSecond` bytes
    package var responseBytesPerSecond = 16_384

    package init(
        bodyBytes: Int, connections: UInt32 = 256, idleSeconds: UInt32 = 30, headerBytes: Int = 16_384, threads: UInt32 = 1,
        budgetBytes: Int = 1 << 20, requestSeconds: Int = 60, connectionsPerAddress: Int = 64, responseBytes: Int = 8 << 20
    ) {
        self.budgetBytes = budgetBytes
        self.requestSeconds = requestSeconds
        self.connectionsPerAddress = connectionsPerAddress
        self.bodyBytes = bodyBytes
        self.connections = connections
        self.idleSeconds = idleSeconds
        self.headerBytes = headerBytes
        self.threads = threads
        self.responseBytes = responseBytes
    }
}

/// Answers a request. A handler does not throw: for an error it returns a response with an error status.
package typealias HTTPHandler = @Sendable (HTTPRequest) async -> HTTPResponse

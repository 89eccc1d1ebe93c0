internal import Deflate

package struct HTTPRequest: Sendable {
    package let method: String
    package let path: String  // percent-decoded
    package let query: [String: String]
    package let headers: [String: String]  // names in lower case
    package let peer: String  // the address it came from; empty where that cannot be told
    private let content: @Sendable () throws(BodyRefusal) -> [UInt8]

    package init(method: String, path: String, query: [String: String] = [:], headers: [String: String] = [:], peer: String = "", body: [UInt8] = [])
    {
        self.init(method: method, path: path, query: query, headers: headers, peer: peer) { () throws(BodyRefusal) in body }
    }

    init(
        method: String, path: String, query: [String: String], headers: [String: String], peer: String,
        content: @escaping @Sendable () throws(BodyRefusal) -> [UInt8]
    ) {
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self.peer = peer
        self.content = content
    }

    /// The body. It is unpacked by the first call, so that a request that is refused by its headers costs nothing.
    /// - Throws: `BodyRefusal` where it is not what its headers say, or too large.
    package func body() throws(BodyRefusal) -> [UInt8] { try content() }
}

/// A body cannot be taken; the response says why.
package struct BodyRefusal: Error {
    package let response: HTTPResponse
}

package struct HTTPResponse: Sendable {
    package var status: Int
    package var headers: [(name: String, value: String)]
    package internal(set) var body: HTTPBody

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
    package var connections: UInt32  // when they are all in use, those that wait longest for a request give way
    package var idleSeconds: UInt32
    package var headerBytes: Int  // per connection: request line and headers
    package var threads: UInt32
    package var budgetBytes: Int  // of all bodies that are being received or handled; beyond it 503
    package var requestSeconds: Int  // for a request to come in whole, idle time before it included
    package var connectionsPerAddress: Int  // from other hosts; a proxy on this one has no limit of its own
    package var queryParameters = 64  // more give 400
    package var answerBytes: Int  // of all answers that are on their way; beyond it 503
    package var answerSeconds = 30  // most time to send an answer; one second more per `answerBytesPerSecond` bytes
    package var answerBytesPerSecond = 16_384

    package init(
        bodyBytes: Int, connections: UInt32 = 256, idleSeconds: UInt32 = 30, headerBytes: Int = 16_384, threads: UInt32 = 1,
        budgetBytes: Int = 1 << 20, requestSeconds: Int = 60, connectionsPerAddress: Int = 64, answerBytes: Int = 8 << 20
    ) {
        self.budgetBytes = budgetBytes
        self.requestSeconds = requestSeconds
        self.connectionsPerAddress = connectionsPerAddress
        self.bodyBytes = bodyBytes
        self.connections = connections
        self.idleSeconds = idleSeconds
        self.headerBytes = headerBytes
        self.threads = threads
        self.answerBytes = answerBytes
    }
}

package struct HTTPRequest: Sendable {
    package let method: String
    package let path: String  // percent-decoded
    package let query: [String: String]
    package let headers: [String: String]  // names in lower case
    package let body: [UInt8]

    package init(method: String, path: String, query: [String: String] = [:], headers: [String: String] = [:], body: [UInt8] = []) {
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self.body = body
    }
}

package struct HTTPResponse: Sendable {
    package var status: Int
    package var headers: [(name: String, value: String)]
    package var body: [UInt8]

    package init(status: Int, headers: [(name: String, value: String)] = [], body: [UInt8] = []) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    package init(status: Int = 200, type: String, body: some Collection<UInt8>) {
        self.init(status: status, headers: [("Content-Type", type)], body: Array(body))
    }
}

/// What the server does before a handler is asked.
package struct HTTPLimits: Sendable {
    package var bodyBytes: Int
    package var connections: UInt32
    package var idleSeconds: UInt32
    package var headerBytes: Int  // per connection: request line and headers
    package var threads: UInt32
    package var budgetBytes: Int  // of all bodies that are being received or handled; beyond it 503
    package var requestSeconds: Int  // for a request to come in whole, idle time before it included
    package var connectionsPerAddress: Int  // from other hosts; a proxy on this one has no limit of its own

    package init(
        bodyBytes: Int, connections: UInt32 = 256, idleSeconds: UInt32 = 30, headerBytes: Int = 16_384, threads: UInt32 = 1,
        budgetBytes: Int = 1 << 20, requestSeconds: Int = 60, connectionsPerAddress: Int = 64
    ) {
        self.budgetBytes = budgetBytes
        self.requestSeconds = requestSeconds
        self.connectionsPerAddress = connectionsPerAddress
        self.bodyBytes = bodyBytes
        self.connections = connections
        self.idleSeconds = idleSeconds
        self.headerBytes = headerBytes
        self.threads = threads
    }
}

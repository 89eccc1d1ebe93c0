internal import CMicroHTTPD
internal import Synchronization

/// The state shared by all connections of a server.
final class ServerContext: Sendable {
    let limits: HTTPLimits
    let handler: HTTPHandler
    let makeRefusal: @Sendable (Int, String) -> HTTPResponse
    let isAuthenticated: @Sendable ([String: String]) -> Bool
    let hosts: HostNames
    let connections: ConnectionTable
    let budget: BodyBudget
    let responses: ResponseBudget
    let isPlain: Bool  // whether the server uses plain HTTP, without TLS
    private let running = Mutex(Running())
    private let unsent = Atomic(0)  // responses not completely sent

    private struct Running {
        var tasks: [Int: Task<Void, Never>?] = [:]  // handlers, and the tasks that write streams
        var streams: Set<Int> = []  // the numbers of the tasks that write streams
        var next = 0
        var isClosed = false
        var waiter: CheckedContinuation<Void, Never>?
    }

    init(
        limits: HTTPLimits, isPlain: Bool, hosts: HostNames, handler: @escaping HTTPHandler,
        makeRefusal: @escaping @Sendable (Int, String) -> HTTPResponse,
        isAuthenticated: @escaping @Sendable ([String: String]) -> Bool
    ) {
        self.isPlain = isPlain
        self.hosts = hosts
        self.isAuthenticated = isAuthenticated
        connections = ConnectionTable(limits)
        budget = BodyBudget(limits)
        responses = ResponseBudget(limits.responseBytes)
        self.limits = limits
        self.handler = handler
        self.makeRefusal = makeRefusal
    }

    func tooLarge() -> HTTPResponse { makeRefusal(413, "the body is larger than \(limits.bodyBytes) bytes: send less at a time") }

    func bodyBudgetExceeded() -> HTTPResponse { later("the server is receiving too many bytes: retry later", seconds: 5) }

    func responseBudgetExceeded() -> HTTPResponse { later("the server is sending too many responses to slow clients: retry later", seconds: 5) }

    private func later(_ detail: String, seconds: Int) -> HTTPResponse {
        var response = makeRefusal(503, detail)
        response.headers.append(("Retry-After", String(seconds)))
        return response
    }

    /// Writes the response directly to the socket, not through libmicrohttpd, and closes the connection.
    @safe func refuseParameters(of connection: OpaquePointer) {
        var peer = [CChar](repeating: 0, count: 64)
        let descriptor = unsafe peer.withUnsafeMutableBufferPointer { unsafe cmhd_peer(connection, $0.baseAddress, UInt32($0.count)) }
        if isPlain {
            let response = makeRefusal(400, "a request has at most \(limits.queryParameters) query parameters")
            var text = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: \(response.body.count)\r\n"
            for (name, value) in response.headers { text += "\(name): \(value)\r\n" }
            let bytes = Array((text + "\r\n").utf8) + response.body.bytes
            unsafe bytes.withUnsafeBytes { unsafe cmhd_say(descriptor, $0.baseAddress, $0.count) }
        }
        cmhd_cut(descriptor)
    }

    /// Registers a handler, which must then be started; `waitForHandlers` waits for registered handlers.
    /// - Parameter isStream: the task writes a streamed body, which may never end: a stop of the server cancels the task at once.
    /// - Returns: the handler's number, or `nil` if the server is stopping.
    func begin(isStream: Bool = false) -> Int? {
        running.withLock { running in
            guard !running.isClosed else { return nil }
            running.next += 1
            running.tasks[running.next] = .some(nil)
            if isStream { running.streams.insert(running.next) }
            return running.next
        }
    }

    /// Cancels a task that writes a stream.
    func cancel(_ number: Int) { running.withLock { $0.tasks[number] }??.cancel() }

    /// Starts a registered handler in a new task: on this thread until the handler first waits, then on Swift's thread pool.
    func start(_ number: Int, _ work: @escaping @Sendable () async -> Void) {
        let task = Task.immediate {
            await work()
            end(number)
        }
        running.withLock { running in if running.tasks[number] != nil { running.tasks[number] = task } }
    }

    private func end(_ number: Int) {
        let waiter = running.withLock { running -> CheckedContinuation<Void, Never>? in
            running.tasks[number] = nil
            running.streams.remove(number)
            return running.tasks.isEmpty ? running.waiter.take() : nil
        }
        waiter?.resume()
    }

    func willSend() { unsent.add(1, ordering: .relaxed) }
    func sent() { unsent.subtract(1, ordering: .relaxed) }

    private static let grace: Duration = .milliseconds(500)

    /// Waits until every response is sent, at most 0.5 s: a client that does not read cannot delay the stop.
    func waitForResponses() async {
        let end = ContinuousClock.now + ServerContext.grace
        while unsent.load(ordering: .relaxed) > 0, .now < end { try? await Task.sleep(for: .milliseconds(20)) }
    }

    /// Stops accepting handlers, ends streams, and waits for the running handlers; cancels handlers that run longer than 0.5 s.
    func waitForHandlers() async {
        let streams = running.withLock { running in
            running.isClosed = true
            return running.streams.map { running.tasks[$0] ?? nil }
        }
        for task in streams { task?.cancel() }
        let cancelling = Task {
            try await Task.sleep(for: ServerContext.grace)
            for task in running.withLock({ Array($0.tasks.values) }) { task?.cancel() }
        }
        await withCheckedContinuation { continuation in
            let isIdle = running.withLock { running in
                if !running.tasks.isEmpty { running.waiter = continuation }
                return running.tasks.isEmpty
            }
            if isIdle { continuation.resume() }
        }
        cancelling.cancel()
    }
}

internal import CMicroHTTPD
internal import Dispatch
internal import Glibc
internal import Synchronization

package struct HTTPServerError: Error, CustomStringConvertible {
    package let description: String
}

/// libmicrohttpd behind an asynchronous handler: a connection is suspended while its handler runs.
@safe package final class HTTPServer: Sendable {
    package typealias Handler = @Sendable (HTTPRequest) async -> HTTPResponse

    package struct TLS: Sendable {
        package let certificate: String  // PEM
        package let key: String  // PEM
        package init(certificate: String, key: String) {
            self.certificate = certificate
            self.key = key
        }
    }

    package let port: UInt16

    // The calls of daemon and timer are thread-safe; both are stopped once, in `stop`.
    nonisolated(unsafe) private let daemon: OpaquePointer
    private let context: ServerContext
    nonisolated(unsafe) private let sweeper: any DispatchSourceTimer
    private let isStopped = Atomic(false)

    /// - Parameters:
    ///   - address: numeric, IPv4 or IPv6.
    ///   - port: 0 lets the system choose; see `port`.
    ///   - refused: what to answer where no handler is asked (413 for a body beyond the limit).
    ///   - isKnown: whether the sender of a request is known by its headers alone; others share a quarter of the budget for bodies.
    package init(
        address: String, port: UInt16, limits: HTTPLimits, tls: TLS? = nil,
        refused: @escaping @Sendable (_ status: Int, _ detail: String) -> HTTPResponse,
        isKnown: @escaping @Sendable (_ headers: [String: String]) -> Bool = { _ in true }, handler: @escaping Handler
    ) throws(HTTPServerError) {
        let context = ServerContext(limits: limits, handler: handler, refused: refused, isKnown: isKnown)
        self.context = context
        let started = unsafe cmhd_start(
            address, port, limits.threads, limits.connections, limits.idleSeconds, limits.headerBytes,
            tls?.certificate, tls?.key, acceptRequest, requestCompleted, connectionChanged, Unmanaged.passUnretained(context).toOpaque())
        guard let started = unsafe started else {
            let code = errno
            let reason =
                switch code {
                case EADDRINUSE: "the port is in use: stop what listens there, or choose another"
                case EACCES: "not allowed: ports below 1024 need CAP_NET_BIND_SERVICE"
                case EADDRNOTAVAIL: "this host has no such address"
                case EAFNOSUPPORT: "the address is not a numeric IPv4 or IPv6 address"
                default: code == 0 ? "libmicrohttpd refused (is the certificate readable PEM?)" : unsafe String(cString: strerror(code))
                }
            throw HTTPServerError(description: "cannot listen on \(address):\(port): \(reason)")
        }
        unsafe daemon = started
        self.port = unsafe cmhd_port(started)
        unsafe sweeper = DispatchSource.makeTimerSource()
        unsafe sweeper.schedule(deadline: .now() + 1, repeating: .seconds(1))
        unsafe sweeper.setEventHandler { context.connections.cutSlow() }
        unsafe sweeper.activate()
    }

    /// Takes no more connections, waits for the running handlers, then closes all. Idempotent.
    package func stop() async {
        guard !isStopped.exchange(true, ordering: .relaxed) else { return }
        unsafe sweeper.cancel()
        // libmicrohttpd aborts the process when it is stopped with a suspended connection.
        let listening = unsafe MHD_quiesce_daemon(daemon)
        await context.drained()
        await context.flushed()
        unsafe MHD_stop_daemon(daemon)
        cmhd_close(listening)
    }

    deinit {
        unsafe sweeper.cancel()
        if !isStopped.load(ordering: .relaxed) { unsafe MHD_stop_daemon(daemon) }
    }
}

/// Shared by all connections of a server.
final class ServerContext: Sendable {
    let limits: HTTPLimits
    let handler: HTTPServer.Handler
    let refused: @Sendable (Int, String) -> HTTPResponse
    let isKnown: @Sendable ([String: String]) -> Bool
    let connections: ConnectionTable
    let budget: BodyBudget
    private let running = Mutex<(count: Int, isClosed: Bool, waiter: CheckedContinuation<Void, Never>?)>((0, false, nil))
    private let unsent = Atomic(0)  // responses that are still on their way

    init(
        limits: HTTPLimits, handler: @escaping HTTPServer.Handler, refused: @escaping @Sendable (Int, String) -> HTTPResponse,
        isKnown: @escaping @Sendable ([String: String]) -> Bool
    ) {
        self.isKnown = isKnown
        connections = ConnectionTable(limits)
        budget = BodyBudget(limits.budgetBytes)
        self.limits = limits
        self.handler = handler
        self.refused = refused
    }

    func tooLarge() -> HTTPResponse { refused(413, "the body is larger than \(limits.bodyBytes) bytes: send less at a time") }

    func overBudget() -> HTTPResponse {
        var response = refused(503, "too much is being received already: send this again later")
        response.headers.append(("Retry-After", "5"))
        return response
    }

    /// - Returns: false when the server is stopping and no handler may begin.
    func begin() -> Bool {
        running.withLock { state in
            if !state.isClosed { state.count += 1 }
            return !state.isClosed
        }
    }

    func end() {
        let waiter = running.withLock { state -> CheckedContinuation<Void, Never>? in
            state.count -= 1
            return state.count == 0 ? state.waiter.take() : nil
        }
        waiter?.resume()
    }

    func willSend() { unsent.add(1, ordering: .relaxed) }
    func sent() { unsent.subtract(1, ordering: .relaxed) }

    /// Returns when every response has left, or after a second: a client that does not read must not hold up the stop.
    func flushed() async {
        for _ in 0..<50 where unsent.load(ordering: .relaxed) > 0 { try? await Task.sleep(for: .milliseconds(20)) }
    }

    /// Lets no handler begin, and returns when none runs.
    func drained() async {
        await withCheckedContinuation { continuation in
            let isIdle = running.withLock { state in
                state.isClosed = true
                if state.count > 0 { state.waiter = continuation }
                return state.count == 0
            }
            if isIdle { continuation.resume() }
        }
    }
}

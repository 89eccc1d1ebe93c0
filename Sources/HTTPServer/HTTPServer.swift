internal import CMicroHTTPD
internal import Dispatch
internal import Glibc
internal import Synchronization

/// An HTTP server: libmicrohttpd with asynchronous handlers. A connection is suspended while its handler runs.
@safe package final class HTTPServer: Sendable {
    package struct TLS: Sendable {
        package let certificate: String  // PEM
        package let key: String  // PEM
        package init(certificate: String, key: String) {
            self.certificate = certificate
            self.key = key
        }
    }

    package let port: UInt16

    // The calls on the daemon and on the timer are thread-safe; `stop` stops both once.
    nonisolated(unsafe) private let daemon: OpaquePointer
    private let context: ServerContext
    nonisolated(unsafe) private let sweeper: any DispatchSourceTimer
    private let isStopped = Atomic(false)

    /// - Parameters:
    ///   - address: numeric, IPv4 or IPv6.
    ///   - port: 0 lets the system choose; see `port`.
    ///   - hosts: the host names that requests may use.
    ///   - makeRefusal: creates the response if no handler runs (413 for a body above the limit).
    ///   - isAuthenticated: whether the headers contain a valid token; all senders without a valid token share a quarter of the budget for bodies.
    package init(
        address: String, port: UInt16, limits: HTTPLimits, tls: TLS? = nil, hosts: HostNames = .any,
        makeRefusal: @escaping @Sendable (_ status: Int, _ detail: String) -> HTTPResponse,
        isAuthenticated: @escaping @Sendable (_ headers: [String: String]) -> Bool = { _ in true }, handler: @escaping HTTPHandler
    ) throws(ListenError) {
        let context = ServerContext(
            limits: limits, isPlain: tls == nil, hosts: hosts, handler: handler, makeRefusal: makeRefusal, isAuthenticated: isAuthenticated)
        self.context = context
        let started = unsafe cmhd_start(
            address, port, limits.threads, limits.connections + ConnectionTable.headroom, limits.idleSeconds, limits.headerBytes,
            tls?.certificate, tls?.key, acceptRequest, requestCompleted, connectionChanged, checkRequestLine,
            Unmanaged.passUnretained(context).toOpaque())
        guard let started = unsafe started else {
            throw ListenError(address: address, port: port, code: errno)
        }
        unsafe daemon = started
        self.port = unsafe cmhd_port(started)
        unsafe sweeper = DispatchSource.makeTimerSource()
        unsafe sweeper.schedule(deadline: .now() + 1, repeating: .seconds(1))
        unsafe sweeper.setEventHandler { context.connections.closeSlowConnections() }
        unsafe sweeper.activate()
    }

    /// Stops accepting connections, waits half a second for running handlers, cancels the remaining handlers, then closes all connections.
    /// Idempotent.
    package func stop() async {
        guard !isStopped.exchange(true, ordering: .relaxed) else { return }
        unsafe sweeper.cancel()
        // libmicrohttpd aborts the process if it is stopped while a connection is suspended.
        let listening = unsafe MHD_quiesce_daemon(daemon)
        await context.waitForHandlers()
        await context.waitForResponses()
        await context.connections.close()
        unsafe MHD_stop_daemon(daemon)
        cmhd_close(listening)
    }

    deinit {
        unsafe sweeper.cancel()
        if !isStopped.load(ordering: .relaxed) { unsafe MHD_stop_daemon(daemon) }
    }
}

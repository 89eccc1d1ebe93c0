internal import CMicroHTTPD
internal import Synchronization

/// One request and its response: receives the headers, then the body in pieces, runs the handler, and sends the handler's response.
///
/// libmicrohttpd calls each exchange from one thread at a time. The handler's task passes the response through `progress`.
final class Exchange: @unchecked Sendable {
    private let method: String
    private let path: String
    private let peer: String
    private var query: [String: String] = [:]
    private var head = RequestHead()
    private var headers: [String: String] { head.headers }
    private var body: [UInt8] = []
    private var isTooLarge = false
    private var isOverBudget = false
    private var reserved = 0
    private var sender: BodyBudget.Sender
    private var hasBegun = false
    private var reservedBody: HTTPBody?
    private var writing: Int?  // the number of the task that writes the response
    private let progress = Mutex(Progress.reading)

    private enum Progress {
        case reading  // the request
        case handling  // the handler runs, and the connection is not suspended
        case suspended  // the handler runs; when it has a response, the connection is resumed
        case finished(HTTPResponse)
    }

    init(method: String, path: String, peer: String) {
        self.method = method
        self.path = path
        self.peer = peer
        sender = BodyBudget.Sender(name: peer, isAuthenticated: false)
    }

    func query(_ name: String, _ value: String) { query[name] = value }
    func header(_ name: String, _ value: String) { head.add(name, value) }
    private var declaredLength: Int? { headers["content-length"].flatMap(Int.init) }

    /// Checks the complete headers. A body that must be refused is answered before it is read; libmicrohttpd then closes the connection.
    func begin(_ context: ServerContext) -> HTTPResponse? {
        if let ambiguity = head.ambiguity {
            var response = context.makeRefusal(400, ambiguity)
            response.headers.append(("Connection", "close"))  // the following bytes may belong to this request or to another
            return response
        }
        guard context.hosts.allows(headers["host"]) else {
            return context.makeRefusal(
                421,
                "this server does not accept the host name \(headers["host"]?.prefix(100) ?? ""): if the name is right, add it to VAHO_ALLOWED_HOSTS")
        }
        if context.isAuthenticated(headers) { sender = BodyBudget.Sender(name: headers["authorization"] ?? peer, isAuthenticated: true) }
        guard let length = declaredLength else { return nil }
        sender.isSmall = length <= BodyBudget.smallBody && !sender.isAuthenticated && context.limits.budgetBytes >= 16 * BodyBudget.smallBody
        if length > context.limits.bodyBytes { return context.tooLarge() }
        return length > 0 && !context.budget.hasRoom(for: length, of: sender) ? context.bodyBudgetExceeded() : nil
    }

    func append(_ bytes: UnsafeRawBufferPointer, _ context: ServerContext) {
        guard !isTooLarge, !isOverBudget else { return }
        isTooLarge = body.count + bytes.count > context.limits.bodyBytes
        isOverBudget = !isTooLarge && !context.budget.reserve(bytes.count, of: sender)
        guard !isTooLarge, !isOverBudget else { return body = [] }
        reserved += bytes.count
        unsafe body.append(contentsOf: bytes)
    }

    /// Releases the budgets: the connection has finished this request, with or without a response.
    func completed(_ context: ServerContext) {
        context.budget.release(reserved, of: sender)
        reserved = 0
        if let reservedBody { context.responses.release(reservedBody) }
        reservedBody = nil
        if let writing { context.cancel(writing) }
        progress.withLock { $0 = .reading }  // releases the response: its stream may refer to this exchange
        if hasBegun { context.sent() }
    }

    /// Reserves a part of the response budget until `completed`.
    /// - Returns: the response, or a 503 response if the budget is used up.
    func admitted(_ response: HTTPResponse, _ context: ServerContext) -> HTTPResponse {
        guard reservedBody == nil else { return response }
        guard context.responses.reserve(response.body) else {
            context.connections.closeSlowestReader()
            return context.responseBudgetExceeded()
        }
        reservedBody = response.body
        return response
    }

    /// Starts the task that writes a response.
    /// - Returns: what the task writes; `nil` if the server is stopping, or the client wants no body.
    func startStream(_ write: @escaping BodyStream.Writing, _ context: ServerContext) -> BodyStream? {
        guard method != "HEAD", let number = context.begin(isStream: true) else { return nil }
        writing = number
        let stream = BodyStream()
        context.start(number) {
            try? await write(stream)  // an error ends the body: its status is sent already
            stream.finish()
        }
        return stream
    }

    /// - Returns: the response, or `nil` if the connection is suspended until the handler has a response.
    @safe func finish(_ connection: OpaquePointer, _ context: ServerContext) -> HTTPResponse? {
        if case .finished(let response) = progress.withLock({ $0 }) { return response }
        if isTooLarge { return context.tooLarge() }
        if isOverBudget { return context.bodyBudgetExceeded() }
        guard !hasBegun else { return nil }
        guard let number = context.begin() else { return context.makeRefusal(503, "the server is stopping: retry later") }
        hasBegun = true
        context.willSend()
        context.connections.markHandling(UInt(bitPattern: connection), isAuthenticated: sender.isAuthenticated)
        progress.withLock { $0 = .handling }
        nonisolated(unsafe) let handled = unsafe connection  // libmicrohttpd keeps the connection during this call, and while it is suspended
        context.start(number) {
            let response = await self.handle(context)
            let isSuspended = self.progress.withLock { progress in
                defer { progress = .finished(response) }
                return if case .suspended = progress { true } else { false }
            }
            if isSuspended { unsafe MHD_resume_connection(handled) }
        }
        return progress.withLock { progress in
            if case .finished(let response) = progress { return response }
            // Under the lock, so that the handler's task cannot resume the connection before it is suspended.
            unsafe MHD_suspend_connection(handled)
            progress = .suspended
            return nil
        }
    }
}

extension Exchange {
    /// Runs in the handler's task; libmicrohttpd does not use the exchange until the connection is resumed.
    private func handle(_ context: ServerContext) async -> HTTPResponse {
        let hasBody = !body.isEmpty
        let request = HTTPRequest(
            method: method, path: path, query: query, headers: headers, peer: peer, isSecure: !context.isPlain
        ) { () throws(BodyRefusal) in
            try self.unpacked(context)
        }
        var response = ContentNegotiation.finished(await context.handler(request), to: request)
        body = []
        if hasBody { response.headers.append(ContentCoding.accepted) }
        return response
    }

    private func unpacked(_ context: ServerContext) throws(BodyRefusal) -> [UInt8] {
        let decoded = try ContentCoding.decoded(body, headers["content-encoding"], context)
        // The additional bytes after decoding also count against the budget.
        let growth = decoded.count - body.count
        guard growth <= 0 || context.budget.reserve(growth, of: sender) else { throw BodyRefusal(response: context.bodyBudgetExceeded()) }
        reserved += max(0, growth)
        return decoded
    }
}

let acceptRequest: MHD_AccessHandlerCallback = { contextPointer, connection, url, method, _, bytes, count, state in
    guard let contextPointer = unsafe contextPointer, let connection = unsafe connection, let url = unsafe url,
        let method = unsafe method, let count = unsafe count, let state = unsafe state
    else { return .NO }
    let context = unsafe Unmanaged<ServerContext>.fromOpaque(contextPointer).takeUnretainedValue()
    guard let known = unsafe state.pointee else {
        let peer = context.connections.peer(UInt(bitPattern: connection))
        let exchange = unsafe Exchange(method: String(cString: method), path: String(cString: url), peer: peer)
        let pointer = unsafe Unmanaged.passRetained(exchange).toOpaque()  // released in requestCompleted
        unsafe state.pointee = pointer
        unsafe MHD_get_connection_values(connection, .HEADER_KIND, takeHeader, pointer)
        unsafe MHD_get_connection_values(connection, .GET_ARGUMENT_KIND, takeQuery, pointer)
        guard let refusal = exchange.begin(context) else { return .YES }
        return unsafe queue(refusal, of: exchange, on: connection, context)
    }
    let exchange = unsafe Unmanaged<Exchange>.fromOpaque(known).takeUnretainedValue()
    if unsafe count.pointee > 0 {
        unsafe exchange.append(UnsafeRawBufferPointer(start: bytes, count: count.pointee), context)
        unsafe count.pointee = 0
        return .YES
    }
    guard let response = exchange.finish(connection, context) else { return .YES }
    return unsafe queue(response, of: exchange, on: connection, context)
}

/// Checks each request line before libmicrohttpd parses it, because libmicrohttpd never answers a request with hundreds of parameters.
let checkRequestLine: @convention(c) (UnsafeMutableRawPointer?, UnsafePointer<CChar>?, OpaquePointer?) -> UnsafeMutableRawPointer? = {
    contextPointer, uri, connection in
    guard let contextPointer = unsafe contextPointer, let uri = unsafe uri, let connection = unsafe connection else { return nil }
    let context = unsafe Unmanaged<ServerContext>.fromOpaque(contextPointer).takeUnretainedValue()
    let query = unsafe String(cString: uri).utf8.drop { $0 != UInt8(ascii: "?") }
    if query.count(where: { $0 == UInt8(ascii: "&") }) >= context.limits.queryParameters { context.refuseParameters(of: connection) }
    return nil
}

let connectionChanged: MHD_NotifyConnectionCallback = { contextPointer, connection, _, change in
    guard let contextPointer = unsafe contextPointer, let connection = unsafe connection else { return }
    let connections = unsafe Unmanaged<ServerContext>.fromOpaque(contextPointer).takeUnretainedValue().connections
    let name = UInt(bitPattern: connection)
    guard change == .CONNECTION_NOTIFY_STARTED else { return connections.closed(name) }
    var text = [CChar](repeating: 0, count: 64)
    let descriptor = unsafe text.withUnsafeMutableBufferPointer { unsafe cmhd_peer(connection, $0.baseAddress, UInt32($0.count)) }
    connections.opened(name, descriptor: descriptor, peer: String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
}

let requestCompleted: MHD_RequestCompletedCallback = { contextPointer, connection, state, _ in
    if let contextPointer = unsafe contextPointer, let connection = unsafe connection {
        unsafe Unmanaged<ServerContext>.fromOpaque(contextPointer).takeUnretainedValue().connections.markReadingRequest(UInt(bitPattern: connection))
    }
    guard let contextPointer = unsafe contextPointer, let state = unsafe state, let pointer = unsafe state.pointee else { return }
    let exchange = unsafe Unmanaged<Exchange>.fromOpaque(pointer).takeRetainedValue()
    unsafe exchange.completed(Unmanaged<ServerContext>.fromOpaque(contextPointer).takeUnretainedValue())
    unsafe state.pointee = nil
}

private let takeHeader: MHD_KeyValueIterator = { pointer, _, name, value in
    guard let pointer = unsafe pointer, let name = unsafe name, let value = unsafe value else { return .YES }
    unsafe Unmanaged<Exchange>.fromOpaque(pointer).takeUnretainedValue().header(String(cString: name), String(cString: value))
    return .YES
}

private let takeQuery: MHD_KeyValueIterator = { pointer, _, name, value in
    guard let pointer = unsafe pointer, let name = unsafe name else { return .YES }
    let text = unsafe value.map { unsafe String(cString: $0) } ?? ""
    unsafe Unmanaged<Exchange>.fromOpaque(pointer).takeUnretainedValue().query(String(cString: name), text)
    return .YES
}

private func queue(_ wanted: HTTPResponse, of exchange: Exchange, on connection: OpaquePointer, _ context: ServerContext) -> MHD_Result {
    let response = exchange.admitted(wanted, context)
    let name = UInt(bitPattern: connection)
    let made: OpaquePointer?
    if let stream = response.stream.flatMap({ exchange.startStream($0, context) }) {
        unsafe made = streamedResponse(SentStream(stream, connection))
        // A stream has no time limit. libmicrohttpd's idle timeout closes the connection of a client that does not read.
        context.connections.markHandling(name, isAuthenticated: true)
    } else {
        unsafe made = storedResponse(response.body)
        context.connections.markSendingResponse(name, bytes: response.body.count)
    }
    guard let made = unsafe made else { return .NO }
    defer { unsafe MHD_destroy_response(made) }
    for (name, value) in response.headers { unsafe MHD_add_response_header(made, name, value) }
    return unsafe MHD_queue_response(connection, UInt32(response.status), made)
}

private func storedResponse(_ body: HTTPBody) -> OpaquePointer? {
    let owner = unsafe Unmanaged.passRetained(body)  // released when the response has been sent, or below if creating it fails
    let made = unsafe cmhd_response(
        body.pointer, body.count, { unsafe $0.map { unsafe Unmanaged<HTTPBody>.fromOpaque($0).release() } }, owner.toOpaque())
    if unsafe made == nil { unsafe owner.release() }
    return unsafe made
}

private func streamedResponse(_ sent: SentStream) -> OpaquePointer? {
    let owner = unsafe Unmanaged.passRetained(sent)  // released when the response has ended, or below if creating it fails
    let made = unsafe cmhd_stream(readStream, { unsafe $0.map { unsafe Unmanaged<SentStream>.fromOpaque($0).release() } }, owner.toOpaque())
    if unsafe made == nil { unsafe owner.release() }
    return unsafe made
}

internal import CMicroHTTPD
internal import Synchronization

/// One request on its way: headers at once, the body piece by piece, then the handler, then its response.
///
/// libmicrohttpd calls with one exchange from one thread at a time; the handler's task hands the response over under the lock.
final class Exchange: @unchecked Sendable {
    private let method: String
    private let path: String
    private var query: [String: String] = [:]
    private var headers: [String: String] = [:]
    private var body: [UInt8] = []
    private var isTooLarge = false
    private var hasBegun = false
    private let response = Mutex<HTTPResponse?>(nil)

    init(method: String, path: String) {
        self.method = method
        self.path = path
    }

    func query(_ name: String, _ value: String) { if query.count < 64 { query[name] = value } }
    func header(_ name: String, _ value: String) { if headers.count < 100 { headers[name.lowercased()] = value } }
    var declaredLength: Int? { headers["content-length"].flatMap(Int.init) }

    func append(_ bytes: UnsafeRawBufferPointer, limit: Int) {
        guard body.count + bytes.count <= limit else {
            isTooLarge = true
            body = []
            return
        }
        if !isTooLarge { unsafe body.append(contentsOf: bytes) }
    }

    /// The connection is done with it, answered or not.
    func completed(_ context: ServerContext) { if hasBegun { context.sent() } }

    /// - Returns: the response, or `nil` when the connection has been suspended until there is one.
    @safe func finish(_ connection: OpaquePointer, _ context: ServerContext) -> HTTPResponse? {
        if let response = response.withLock({ $0 }) { return response }
        if isTooLarge { return context.refused(413, "the body is larger than \(context.limits.bodyBytes) bytes: send less at a time") }
        guard !hasBegun else { return nil }
        guard context.begin() else { return context.refused(503, "the server is stopping: try again") }
        hasBegun = true
        context.willSend()
        let request = HTTPRequest(method: method, path: path, query: query, headers: headers, body: body)
        body = []
        unsafe MHD_suspend_connection(connection)
        nonisolated(unsafe) let suspended = unsafe connection  // resumed exactly once, below; it lives until then
        Task {
            let answer = await context.handler(request)
            self.response.withLock { $0 = answer }
            unsafe MHD_resume_connection(suspended)
            context.end()
        }
        return nil
    }
}

let acceptRequest: MHD_AccessHandlerCallback = { contextPointer, connection, url, method, _, bytes, count, state in
    guard let contextPointer = unsafe contextPointer, let connection = unsafe connection, let url = unsafe url,
        let method = unsafe method, let count = unsafe count, let state = unsafe state
    else { return .NO }
    let context = unsafe Unmanaged<ServerContext>.fromOpaque(contextPointer).takeUnretainedValue()
    guard let known = unsafe state.pointee else {
        let exchange = unsafe Exchange(method: String(cString: method), path: String(cString: url))
        let pointer = unsafe Unmanaged.passRetained(exchange).toOpaque()  // released in requestCompleted
        unsafe state.pointee = pointer
        unsafe MHD_get_connection_values(connection, .HEADER_KIND, takeHeader, pointer)
        unsafe MHD_get_connection_values(connection, .GET_ARGUMENT_KIND, takeQuery, pointer)
        if let length = exchange.declaredLength, length > context.limits.bodyBytes {
            // Answered before the body is read; libmicrohttpd then closes the connection.
            return unsafe queue(
                context.refused(413, "the body is larger than \(context.limits.bodyBytes) bytes: send less at a time"), on: connection)
        }
        return .YES
    }
    let exchange = unsafe Unmanaged<Exchange>.fromOpaque(known).takeUnretainedValue()
    if unsafe count.pointee > 0 {
        unsafe exchange.append(UnsafeRawBufferPointer(start: bytes, count: count.pointee), limit: context.limits.bodyBytes)
        unsafe count.pointee = 0
        return .YES
    }
    guard let response = exchange.finish(connection, context) else { return .YES }
    return unsafe queue(response, on: connection)
}

let requestCompleted: MHD_RequestCompletedCallback = { contextPointer, _, state, _ in
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

private func queue(_ response: HTTPResponse, on connection: OpaquePointer) -> MHD_Result {
    let made = unsafe response.body.withUnsafeBytes { bytes in
        // MUST_COPY: the array is gone before the last byte is sent. The pointer is not written through.
        unsafe MHD_create_response_from_buffer(bytes.count, UnsafeMutableRawPointer(mutating: bytes.baseAddress), .RESPMEM_MUST_COPY)
    }
    guard let made = unsafe made else { return .NO }
    defer { unsafe MHD_destroy_response(made) }
    for (name, value) in response.headers { unsafe MHD_add_response_header(made, name, value) }
    return unsafe MHD_queue_response(connection, UInt32(response.status), made)
}

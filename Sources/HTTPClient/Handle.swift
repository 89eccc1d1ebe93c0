internal import CCurl

/// A curl easy handle. Its owner, an actor, makes all calls on one thread.
@safe final class Handle {
    private let curl: UnsafeMutableRawPointer

    // curl_global_init is not thread-safe: a static runs once.
    private static let globally = ccurl_global_init()

    init(_ settings: HTTPClient.Settings) throws(CurlError) {
        guard Handle.globally == CURLE_OK, let curl = unsafe curl_easy_init() else {
            throw CurlError(code: CURLE_FAILED_INIT.rawValue, message: "libcurl initialization failed", url: "")
        }
        unsafe self.curl = curl
        try set(CURLOPT_NOSIGNAL, 1)
        try set(CURLOPT_CONNECTTIMEOUT, settings.connectTimeoutSeconds)
        try set(CURLOPT_LOW_SPEED_LIMIT, 1)
        try set(CURLOPT_LOW_SPEED_TIME, settings.stallSeconds)
        try set(CURLOPT_FOLLOWLOCATION, 0)
        try set(CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2))
        try set(CURLOPT_TCP_KEEPALIVE, 1)
        try set(CURLOPT_MAXCONNECTS, 1)
        try set(CURLOPT_BUFFERSIZE, 16_384)
        try set(CURLOPT_UPLOAD_BUFFERSIZE, 16_384)
        try set(CURLOPT_PROTOCOLS_STR, "http,https")
        try set(CURLOPT_USERAGENT, settings.userAgent)
        if let file = settings.certificateAuthorities { try set(CURLOPT_CAINFO, file) }
    }

    deinit { unsafe curl_easy_cleanup(curl) }

    func perform(_ request: HTTPClient.Request, _ settings: HTTPClient.Settings, abort: AbortFlag) throws(CurlError) -> HTTPClient.Response {
        try set(CURLOPT_URL, request.url)
        var list: UnsafeMutablePointer<curl_slist>?
        defer { unsafe curl_slist_free_all(list) }
        // An empty Expect header: otherwise curl waits up to a second for permission to send a large body.
        for line in ["Expect:"] + request.headers.map({ "\($0.name): \($0.value)" }) {
            guard let longer = unsafe curl_slist_append(list, line) else { throw failure(CURLE_OUT_OF_MEMORY, request.url, "") }
            unsafe list = longer
        }
        try check(unsafe ccurl_set_headers(curl, list), request.url)

        let received = Received(settings, abort: abort)
        var errorText = [CChar](repeating: 0, count: Int(CURL_ERROR_SIZE))
        let code = withExtendedLifetime(received) { () -> CURLcode in
            let context = unsafe Unmanaged.passUnretained(received).toOpaque()
            return unsafe request.body.withUnsafeBytes { body in  // curl reads the body until perform returns
                unsafe errorText.withUnsafeMutableBufferPointer { buffer in
                    var code = unsafe ccurl_set_write(curl, Received.takeBody, context)
                    if code == CURLE_OK { code = unsafe ccurl_set_header_reader(curl, Received.takeHeader, context) }
                    if code == CURLE_OK { code = unsafe ccurl_set_progress(curl, Received.checkProgress, context) }
                    if code == CURLE_OK { code = unsafe ccurl_set_pointer(curl, CURLOPT_ERRORBUFFER, buffer.baseAddress) }
                    if code == CURLE_OK {
                        code =
                            request.method == "GET"
                            ? unsafe ccurl_set_long(curl, CURLOPT_HTTPGET, 1)
                            : unsafe ccurl_set_body(curl, body.baseAddress ?? UnsafeRawPointer(buffer.baseAddress), body.count)
                    }
                    if code == CURLE_OK, request.method != "GET" {
                        code = unsafe ccurl_set_string(curl, CURLOPT_CUSTOMREQUEST, request.method)
                    } else if code == CURLE_OK {
                        code = unsafe ccurl_set_string(curl, CURLOPT_CUSTOMREQUEST, nil)
                    }
                    if code == CURLE_OK { code = unsafe curl_easy_perform(curl) }
                    unsafe ccurl_set_pointer(curl, CURLOPT_ERRORBUFFER, nil)
                    return code
                }
            }
        }
        guard code == CURLE_OK else {
            let text = String(decoding: errorText.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            let reason =
                received.isTooLarge
                ? "the answer is larger than \(settings.responseLimit) bytes"
                : received.isTooSlow ? "transfer aborted: slower than \(settings.minimumBytesPerSecond) bytes per second" : text
            throw failure(code, request.url, reason)
        }
        var status = 0
        _ = unsafe ccurl_get_long(curl, CURLINFO_RESPONSE_CODE, &status)
        return HTTPClient.Response(status: status, headers: received.headers, body: received.body)
    }

    private func set(_ option: CURLoption, _ value: Int) throws(CurlError) { try check(unsafe ccurl_set_long(curl, option, value), "") }
    private func set(_ option: CURLoption, _ value: String) throws(CurlError) {
        try check(unsafe ccurl_set_string(curl, option, value), value)
    }

    private func check(_ code: CURLcode, _ url: String) throws(CurlError) {
        guard code == CURLE_OK else { throw failure(code, url, "") }
    }

    private func failure(_ code: CURLcode, _ url: String, _ errorText: String) -> CurlError {
        unsafe CurlError(code: code.rawValue, message: errorText.isEmpty ? String(cString: curl_easy_strerror(code)) : errorText, url: url)
    }
}

/// The response received during one transfer. Only curl's callbacks inside `perform` use this object, on the same thread.
private final class Received {
    var body: [UInt8] = []
    var headers: [String: String] = [:]
    var isTooLarge = false
    var isTooSlow = false
    private let limit: Int
    private let abort: AbortFlag
    private let grace: Int
    private let minimumBytesPerSecond: Int
    private let startedAt = ContinuousClock.now

    init(_ settings: HTTPClient.Settings, abort: AbortFlag) {
        limit = settings.responseLimit
        (grace, minimumBytesPerSecond) = (settings.graceSeconds, settings.minimumBytesPerSecond)
        self.abort = abort
    }

    /// - Parameter bytes: sent and received so far.
    private func shouldAbort(after bytes: Int64) -> Bool {
        isTooSlow = ContinuousClock.now - startedAt > .seconds(Int64(grace) + bytes / Int64(minimumBytesPerSecond))
        return isTooSlow || abort.isRaised
    }

    static let takeBody: ccurl_data_callback = { bytes, size, count, context in
        guard let bytes = unsafe bytes, let context = unsafe context else { return 0 }
        let received = unsafe Unmanaged<Received>.fromOpaque(context).takeUnretainedValue()
        guard received.body.count + size * count <= received.limit else {
            received.isTooLarge = true
            return 0
        }
        unsafe received.body.append(contentsOf: UnsafeRawBufferPointer(start: bytes, count: size * count))
        return size * count
    }

    static let takeHeader: ccurl_data_callback = { bytes, size, count, context in
        guard let bytes = unsafe bytes, let context = unsafe context else { return 0 }
        let received = unsafe Unmanaged<Received>.fromOpaque(context).takeUnretainedValue()
        let line = unsafe Array(UnsafeRawBufferPointer(start: bytes, count: size * count))
        if line.starts(with: Array("HTTP/".utf8)) { received.headers = [:] }  // keep only the headers of the last response
        guard let colon = line.firstIndex(of: 58), received.headers.count < 100 else { return size * count }
        let name = String(decoding: line[..<colon], as: UTF8.self).lowercased()
        let value = line[(colon + 1)...].drop { $0 == 32 || $0 == 9 }
        let end = value.lastIndex { $0 > 32 }.map { $0 + 1 } ?? value.startIndex
        received.headers[name] = String(decoding: value[..<end], as: UTF8.self)
        return size * count
    }

    static let checkProgress: ccurl_progress_callback = { context, _, received, _, sent in
        guard let context = unsafe context else { return 0 }
        return unsafe Unmanaged<Received>.fromOpaque(context).takeUnretainedValue().shouldAbort(after: Int64(received) + Int64(sent)) ? 1 : 0
    }
}

internal import CCurl
internal import Runtime
internal import Synchronization

/// An HTTP client: one libcurl handle on its own thread. The connection is reused, and a transfer can be cancelled at any time.
package actor HTTPClient {
    private let executor = BlockingExecutor(label: "http-client")
    package nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

    private let settings: Settings
    private var handle: Handle?  // created at the first request, because curl's libraries use memory

    package struct Settings: Sendable {
        package var certificateAuthorities: String?  // a PEM file that replaces the system's
        package var connectTimeoutSeconds = 10
        package var stallSeconds = 20  // a transfer slower than 1 byte per second for this time is aborted
        /// The time limit of a transfer is `graceSeconds` plus one second for each `minimumBytesPerSecond` bytes sent or received.
        package var graceSeconds = 30
        package var minimumBytesPerSecond = 1_024
        package var responseLimit = 1 << 20
        package var userAgent: String
        package init(userAgent: String) { self.userAgent = userAgent }
    }

    package struct Request: Sendable {
        package var method: String
        package var url: String
        package var headers: [(name: String, value: String)]
        package var body: [UInt8]
        package init(method: String, url: String, headers: [(name: String, value: String)] = [], body: [UInt8] = []) {
            self.method = method
            self.url = url
            self.headers = headers
            self.body = body
        }
    }

    package struct Response: Sendable {
        package let status: Int
        package let headers: [String: String]  // names in lower case
        package let body: [UInt8]
    }

    package init(settings: Settings) { self.settings = settings }

    isolated deinit {}  // the handle is freed on the thread that used it

    package func send(_ request: Request) async throws -> Response {
        let abort = AbortFlag()
        return try await withTaskCancellationHandler {
            try Task.checkCancellation()
            let handle = try self.handle ?? Handle(settings)
            self.handle = handle
            return try handle.perform(request, settings, abort: abort)
        } onCancel: {
            abort.raise()
        }
    }
}

/// A flag to cancel a transfer, set from any thread; curl's progress callback reads the flag several times per second.
final class AbortFlag: Sendable {
    private let raised = Atomic(false)
    func raise() { raised.store(true, ordering: .relaxed) }
    var isRaised: Bool { raised.load(ordering: .relaxed) }
}

/// A transfer failed before a response arrived: curl's code, its message, the URL without user name and password.
package struct CurlError: Error, CustomStringConvertible {
    package let code: UInt32
    package let message: String
    package let url: String

    init(code: UInt32, message: String, url: String) {
        self.code = code
        self.url = URLText.withoutCredentials(url)
        self.message = message
    }

    package var description: String { "curl \(code): \(message) (\(url))" }
}

internal import CMicroHTTPD
internal import Synchronization

/// The body of a response that is written while it is sent, for example server-sent events. It ends when the writing function returns, when the client
/// closes the connection, and when the server stops.
@safe package final class BodyStream: Sendable {
    /// Writes the body. The function is cancelled when nobody reads the body any more.
    package typealias Writing = @Sendable (BodyStream) async throws -> Void

    @safe private struct State {
        var bytes: [UInt8] = []  // written; the first `sent` of them are sent
        var sent = 0
        var isFinished = false
        nonisolated(unsafe) var suspended: OpaquePointer?  // the connection, while it waits for bytes
        var writer: CheckedContinuation<Void, any Error>?  // waits until the bytes are sent
    }

    /// A writer waits while this many bytes are not sent: a slow client does not use up the server's memory.
    private static let limit = 16_384
    private let state = Mutex(State())

    /// Sends bytes to the client. Waits while many earlier bytes are not sent.
    /// - Throws: `CancellationError` when the body has ended.
    package func write(_ bytes: some Collection<UInt8>) async throws {
        try await waitForRoom()
        change { $0.bytes += bytes }
    }

    private func waitForRoom() async throws {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let result = state.withLock { state -> Result<Void, any Error>? in
                    if state.isFinished || Task.isCancelled { return .failure(CancellationError()) }
                    if state.bytes.count - state.sent < BodyStream.limit { return .success(()) }
                    state.writer = continuation
                    return nil
                }
                if let result { continuation.resume(with: result) }
            }
        } onCancel: {
            finish()
        }
    }

    /// Ends the body after the bytes that are written already.
    func finish() {
        change { $0.isFinished = true }
        state.withLock { $0.writer.take() }?.resume(throwing: CancellationError())
    }

    private func change(_ body: (inout State) -> Void) {
        let suspended = unsafe state.withLock { state in
            body(&state)
            defer { unsafe state.suspended = nil }
            return unsafe state.suspended
        }
        if let suspended = unsafe suspended { unsafe MHD_resume_connection(suspended) }
    }

    /// Moves bytes to libmicrohttpd. If there are none, suspends the connection until some are written.
    /// - Returns: the number of bytes; `nil` at the end of the body.
    @safe func read(into buffer: UnsafeMutableRawBufferPointer, of connection: OpaquePointer) -> Int? {
        var writer: CheckedContinuation<Void, any Error>?
        defer { writer?.resume() }
        return state.withLock { state in
            let count = min(buffer.count, state.bytes.count - state.sent)
            guard count > 0 else {
                if state.isFinished { return nil }
                // Under the lock, so that a writer cannot resume the connection before it is suspended.
                unsafe MHD_suspend_connection(connection)
                unsafe state.suspended = connection
                return 0
            }
            unsafe buffer.copyBytes(from: state.bytes[state.sent..<(state.sent + count)])
            state.sent += count
            if state.sent == state.bytes.count { (state.bytes, state.sent) = ([], 0) }
            if state.bytes.count - state.sent < BodyStream.limit, !state.isFinished { writer = state.writer.take() }
            return count
        }
    }
}

/// A body that libmicrohttpd reads, with the connection that it is sent on.
@safe final class SentStream {
    let body: BodyStream
    let connection: OpaquePointer

    init(_ body: BodyStream, _ connection: OpaquePointer) { unsafe (self.body, self.connection) = (body, connection) }
}

let readStream: MHD_ContentReaderCallback = { pointer, _, buffer, size in
    guard let pointer = unsafe pointer, let buffer = unsafe buffer else { return cmhd_end_of_stream() }
    let sent = unsafe Unmanaged<SentStream>.fromOpaque(pointer).takeUnretainedValue()
    let count = unsafe sent.body.read(into: UnsafeMutableRawBufferPointer(start: buffer, count: size), of: sent.connection)
    return count ?? cmhd_end_of_stream()
}

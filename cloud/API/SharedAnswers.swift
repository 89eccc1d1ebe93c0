internal import HTTPServer
internal import Synchronization

/// Computes an answer once for identical requests while the archive does not change: a hundred open pages cost as much time as one page, and memory
/// holds their shared answer once.
final class SharedAnswers: Sendable {
    private struct Entry {
        var made: (body: HTTPBody, at: ContinuousClock.Instant)?
        var waiting: [CheckedContinuation<HTTPBody, any Error>] = []
    }

    private static let validity: Duration = .milliseconds(500)
    private static let limit = 64  // answers in memory
    private let entries = Mutex<[String: Entry]>([:])

    /// - Parameters:
    ///   - type: the media type of the answer; answers of different types are not shared.
    ///   - version: the archive's data version. Answers are shared only within one version.
    ///   - make: computes the body of the answer.
    func body(
        for request: HTTPRequest, as type: String, version: Int64, _ make: @Sendable () async throws -> HTTPBody
    ) async throws -> HTTPBody {
        let key =
            "\(version) \(type) \(request.path)?"
            + request.query.sorted { $0.key < $1.key }.map { "\($0.key.utf8.count):\($0.key)=\($0.value.utf8.count):\($0.value)" }.joined()
        enum Part { case ready(HTTPBody), making, waiting }
        let part = entries.withLock { entries -> Part in
            guard let entry = entries[key] else {
                entries = entries.filter { $0.value.made.map { $0.at > .now - SharedAnswers.validity } ?? true }
                if entries.count < SharedAnswers.limit { entries[key] = Entry() }
                return .making
            }
            guard let made = entry.made else { return .waiting }
            guard made.at > .now - SharedAnswers.validity else {
                entries[key] = Entry()
                return .making
            }
            return .ready(made.body)
        }
        switch part {
        case .ready(let body): return body
        case .waiting: return try await waitForAnswer(key, make)
        case .making:
            let result: Result<HTTPBody, any Error>
            do { result = .success(try await make()) } catch { result = .failure(error) }
            resumeWaiters(key, result)
            return try result.get()
        }
    }

    /// Waits for the answer that another request is computing. Computes the answer here if the other request has already failed.
    private func waitForAnswer(_ key: String, _ make: @Sendable () async throws -> HTTPBody) async throws -> HTTPBody {
        do {
            return try await withCheckedThrowingContinuation { continuation in
                let ready = entries.withLock { entries -> Result<HTTPBody, any Error>? in
                    guard let entry = entries[key] else { return .failure(EntryRemoved()) }
                    if let made = entry.made { return .success(made.body) }
                    entries[key]?.waiting.append(continuation)
                    return nil
                }
                if let ready { continuation.resume(with: ready) }
            }
        } catch is EntryRemoved {
            return try await make()
        }
    }

    private struct EntryRemoved: Error {}

    private func resumeWaiters(_ key: String, _ result: Result<HTTPBody, any Error>) {
        let waiting = entries.withLock { entries -> [CheckedContinuation<HTTPBody, any Error>] in
            guard let entry = entries[key] else { return [] }
            if case .success(let body) = result { entries[key] = Entry(made: (body, .now)) } else { entries[key] = nil }
            return entry.waiting
        }
        for waiter in waiting { waiter.resume(with: result) }
    }
}

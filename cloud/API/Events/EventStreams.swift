internal import APIDocuments
internal import Synchronization

/// Counts the open event streams. Each stream holds a connection, so the number of streams is limited, in total and for each person.
final class EventStreams: Sendable {
    private struct State {
        var total = 0
        var byOwner: [String: Int] = [:]
        var byDevice: [String: Int] = [:]  // the number of streams with `device=NAME`, by name
    }

    private static let perOwner = 64
    private let limit: Int
    private let state = Mutex(State())

    init(limit: Int) { self.limit = limit }

    var isEmpty: Bool { state.withLock { $0.total == 0 } }
    var count: Int { state.withLock { $0.total } }
    /// The names of the devices that have at least one stream with `device=NAME`.
    var filteredDevices: Set<String> { state.withLock { Set($0.byDevice.keys) } }

    /// - Parameter owner: the name of a person or a token, or the address of a client that is not signed in.
    /// - Throws: `Problem` with status 429 or 503 if there are too many streams.
    func check(_ owner: String) throws(Problem) { try state.withLock { (state) throws(Problem) in try check(owner, state) } }

    private func check(_ owner: String, _ state: State) throws(Problem) {
        guard state.byOwner[owner, default: 0] < EventStreams.perOwner else {
            throw Problem(
                status: 429, detail: "you have \(EventStreams.perOwner) open event streams: close one of them", headers: [("Retry-After", "15")])
        }
        guard state.total < limit else {
            throw Problem(status: 503, detail: "the server has \(limit) open event streams: retry later", headers: [("Retry-After", "30")])
        }
    }

    /// Counts a stream.
    /// - Throws: as `check`.
    func open(by owner: String, about device: String?) throws(Problem) {
        try state.withLock { (state) throws(Problem) in
            try check(owner, state)
            state.total += 1
            state.byOwner[owner, default: 0] += 1
            if let device { state.byDevice[device, default: 0] += 1 }
        }
    }

    func close(by owner: String, about device: String?) {
        state.withLock { state in
            state.total -= 1
            state.byOwner[owner] = state.byOwner[owner].flatMap { $0 > 1 ? $0 - 1 : nil }
            if let device { state.byDevice[device] = state.byDevice[device].flatMap { $0 > 1 ? $0 - 1 : nil } }
        }
    }
}

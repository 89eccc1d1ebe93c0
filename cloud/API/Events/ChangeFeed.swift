internal import Synchronization

/// The latest changes of the archive, for any number of readers. It is bounded: a reader that falls behind is told that it has missed changes.
final class ChangeFeed: Sendable {
    /// A change as readers get it.
    struct Change: Sendable, Equatable {
        enum Kind: String, Sendable {
            case device  // a device has sent something: `data` is its document
            case fleet  // the list of devices, their states or their settings have changed: `data` has the numbers of devices and sensors by state
            case models  // a run, a rollout or a release has changed
        }

        let kind: Kind
        var device: String?  // the device's name, for a change of one device
        var data: [UInt8]  // a JSON object on one line
    }

    /// The result of `news(after:)`.
    enum News: Sendable, Equatable {
        case changes([Change], through: Int64)
        case missed(through: Int64)  // the feed does not have all changes since the reader's position
        case none  // no change after the given number; a beat has ended the wait
    }

    private struct State {
        var changes: [Change] = []
        var first: Int64 = 1  // the number of the first of `changes`
        var bytes = 0  // of `changes`
        var waiting: [Int: CheckedContinuation<Void, any Error>] = [:]
        var nextReader = 0
        var beats = 0
        var last: Int64 { first + Int64(changes.count) - 1 }
    }

    private static let limit = 2_000  // changes
    private static let byteLimit = 4 << 20
    private static let bytesPerCall = 65_536
    private let state = Mutex(State())
    /// Tells the numbers of this feed apart from those of another server, or of this server before a restart.
    let name: String

    init(name: String = String(UInt32.random(in: 0...(.max)), radix: 36)) { self.name = name }

    /// The number of the last change.
    var last: Int64 { state.withLock { $0.last } }

    func publish(_ changes: [Change]) {
        guard !changes.isEmpty else { return }
        resume { state in
            state.changes += changes
            state.bytes += changes.reduce(0) { $0 + $1.data.count }
            var dropped = 0
            while state.changes.count - dropped > ChangeFeed.limit || state.bytes > ChangeFeed.byteLimit, dropped < state.changes.count {
                state.bytes -= state.changes[dropped].data.count
                dropped += 1
            }
            state.changes.removeFirst(dropped)
            state.first += Int64(dropped)
        }
    }

    /// Discards all changes: nobody has looked for changes for a while. Readers with an earlier position get `missed`.
    func forget() {
        resume { state in
            let next = state.last + 2
            (state.changes, state.bytes, state.first) = ([], 0, next)
        }
    }

    /// Wakes every reader, so that it can tell its client that the connection is alive.
    func beat() { resume { $0.beats += 1 } }

    private func resume(_ change: (inout State) -> Void) {
        let waiting = state.withLock { state in
            change(&state)
            defer { state.waiting = [:] }
            return state.waiting
        }
        for reader in waiting.values { reader.resume() }
    }

    /// Changes after a number, at most about `bytesPerCall`; waits for the next change or beat if there are none.
    func news(after number: Int64) async throws -> News {
        if let news = storedNews(after: number) { return news }
        let (reader, beats) = state.withLock { state in
            state.nextReader += 1
            return (state.nextReader, state.beats)
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let result = state.withLock { state -> Result<Void, any Error>? in
                    if Task.isCancelled { return .failure(CancellationError()) }
                    if state.last != number || state.beats != beats { return .success(()) }
                    state.waiting[reader] = continuation
                    return nil
                }
                if let result { continuation.resume(with: result) }
            }
        } onCancel: {
            state.withLock { $0.waiting.removeValue(forKey: reader) }?.resume(throwing: CancellationError())
        }
        return storedNews(after: number) ?? .none
    }

    private func storedNews(after number: Int64) -> News? {
        state.withLock { state in
            guard number >= state.first - 1, number <= state.last else { return .missed(through: state.last) }
            var (new, bytes) = ([Change](), 0)
            for change in state.changes.dropFirst(Int(number - state.first + 1)) {
                if !new.isEmpty, bytes + change.data.count > ChangeFeed.bytesPerCall { break }
                new.append(change)
                bytes += change.data.count
            }
            return new.isEmpty ? nil : .changes(new, through: number + Int64(new.count))
        }
    }
}

internal import Synchronization

/// Shares costly work fairly among keys (devices or addresses). Each key has at most one piece of work in progress. Waiting keys are served in turn,
/// one piece each, however many pieces a key has in its queue.
final class FairQueue<Key: Hashable & Sendable>: Sendable {
    /// The queue of this key, or of all keys together, is full.
    struct Full: Error {
        let isKeyLimit: Bool
    }

    private struct Waiter {
        let number: Int
        let continuation: CheckedContinuation<Int, any Error>
    }

    private struct State {
        var freeLanes: [Int]
        var active: Set<Key> = []
        var waiting: [Key: [Waiter]] = [:]
        var order: [Key] = []  // waiting keys, the next one first
        var count = 0
        var next = 0
        var cancelled: Set<Int> = []  // numbers of waiters that were cancelled before they were queued
    }

    private let state: Mutex<State>
    private let perKey: Int
    private let limit: Int

    /// - Parameters:
    ///   - lanes: the most pieces of work in progress at once.
    ///   - perKey: the most waiting pieces of one key.
    ///   - limit: the most waiting pieces of all keys together.
    init(lanes: Int, perKey: Int, limit: Int) {
        state = Mutex(State(freeLanes: Array((0..<lanes).reversed())))
        self.perKey = perKey
        self.limit = limit
    }

    /// Waits until it is the key's turn, then runs `body`.
    /// - Parameter body: receives a lane number. No two pieces have the same lane at the same time.
    /// - Throws: `Full`; `CancellationError` when cancelled while waiting.
    func run<Result: Sendable>(of key: Key, _ body: (_ lane: Int) async throws -> Result) async throws -> Result {
        let lane = try await lane(for: key)
        defer { done(key, lane) }
        return try await body(lane)
    }

    var waitingCount: Int { state.withLock { $0.waiting.values.reduce(0) { $0 + $1.count } } }
    var activeCount: Int { state.withLock { $0.active.count } }

    private func lane(for key: Key) async throws -> Int {
        let (number, free) = try state.withLock { state throws -> (Int, Int?) in
            state.next += 1
            if !state.active.contains(key), state.waiting[key] == nil, let lane = state.freeLanes.popLast() {
                state.active.insert(key)
                return (state.next, lane)
            }
            guard state.count < limit else { throw Full(isKeyLimit: false) }
            guard state.waiting[key]?.count ?? 0 < perKey else { throw Full(isKeyLimit: true) }
            state.count += 1
            return (state.next, nil)
        }
        if let free { return free }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let wait = Waiter(number: number, continuation: continuation)
                let settled = state.withLock { state -> (waiter: Waiter, lane: Int?)? in
                    if state.cancelled.remove(number) != nil {
                        state.count -= 1
                        return (wait, nil)
                    }
                    if state.waiting[key] == nil { state.order.append(key) }
                    state.waiting[key, default: []].append(wait)
                    return FairQueue.assignFreeLane(&state).map { ($0.waiter, $0.lane) }
                }
                FairQueue.resume(settled)
            }
        } onCancel: {
            let gone = state.withLock { state -> Waiter? in
                guard let index = state.waiting[key]?.firstIndex(where: { $0.number == number }) else {
                    state.cancelled.insert(number)
                    return nil
                }
                state.count -= 1
                let waiter = state.waiting[key]?.remove(at: index)
                if state.waiting[key]?.isEmpty == true {
                    state.waiting[key] = nil
                    state.order.removeAll { $0 == key }
                }
                return waiter
            }
            gone?.continuation.resume(throwing: CancellationError())
        }
    }

    private func done(_ key: Key, _ lane: Int) {
        FairQueue.resume(
            state.withLock { state in
                state.active.remove(key)
                state.freeLanes.append(lane)
                return FairQueue.assignFreeLane(&state)
            })
    }

    /// Gives a free lane to the first waiting key that has no work in progress.
    private static func assignFreeLane(_ state: inout State) -> (waiter: Waiter, lane: Int?)? {
        guard !state.freeLanes.isEmpty, let index = state.order.firstIndex(where: { !state.active.contains($0) }) else { return nil }
        let key = state.order.remove(at: index)
        guard let waiter = state.waiting[key]?.removeFirst(), let lane = state.freeLanes.popLast() else { return nil }
        if state.waiting[key]?.isEmpty == true { state.waiting[key] = nil } else { state.order.append(key) }
        state.count -= 1
        state.active.insert(key)
        return (waiter, lane)
    }

    private static func resume(_ settled: (waiter: Waiter, lane: Int?)?) {
        guard let settled else { return }
        if let lane = settled.lane {
            settled.waiter.continuation.resume(returning: lane)
        } else {
            settled.waiter.continuation.resume(throwing: CancellationError())
        }
    }
}

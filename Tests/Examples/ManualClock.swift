package import Measures
package import Runtime
import Synchronization

/// A clock that stands still until a test advances it. Sleeping tasks wake when their time has come.
package final class ManualClock: Sendable {
    private struct Sleeper {
        let deadline: ContinuousClock.Instant
        let continuation: CheckedContinuation<Void, any Error>
    }

    private struct State {
        var passed: Duration = .zero
        var sleepers: [Int: Sleeper] = [:]
        var cancelled: Set<Int> = []  // cancelled before the sleeper was added
        var nextID = 0
        var waiters: [(count: Int, continuation: CheckedContinuation<Void, Never>)] = []

        /// Removes the waiters whose number of sleeping tasks is reached.
        mutating func ready() -> [CheckedContinuation<Void, Never>] {
            let count = sleepers.count
            defer { waiters.removeAll { $0.count <= count } }
            return waiters.filter { $0.count <= count }.map(\.continuation)
        }
    }

    private let start = ContinuousClock.now
    private let wallStart: Instant
    private let state = Mutex(State())

    /// - Parameter wall: what the wall clock shows at first.
    package init(wall: Instant = Instant(ms: 1_700_000_000_000)) { wallStart = wall }

    package var passed: Duration { state.withLock { $0.passed } }

    package var serviceClock: ServiceClock {
        ServiceClock(
            now: { self.start + self.passed }, wall: { self.wallStart + self.passed }, sleep: { try await self.sleep(until: $0) })
    }

    /// Advances the time and wakes the tasks whose deadline has passed.
    package func advance(by duration: Duration) {
        let due = state.withLock { state in
            state.passed += duration
            let now = start + state.passed
            let due = state.sleepers.filter { $0.value.deadline <= now }
            for id in due.keys { state.sleepers[id] = nil }
            return due.values.sorted { $0.deadline < $1.deadline }
        }
        for sleeper in due { sleeper.continuation.resume() }
    }

    /// Waits until `count` tasks sleep on this clock.
    package func sleepers(_ count: Int = 1) async {
        await withCheckedContinuation { continuation in
            let ready = state.withLock { state in
                state.waiters.append((count, continuation))
                return state.ready()
            }
            for waiter in ready { waiter.resume() }
        }
    }

    private func sleep(until deadline: ContinuousClock.Instant) async throws {
        try Task.checkCancellation()
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
                let (isFinished, ready) = state.withLock { state -> (Result<Void, any Error>?, [CheckedContinuation<Void, Never>]) in
                    if state.cancelled.remove(id) != nil { return (.failure(CancellationError()), []) }
                    if deadline <= start + state.passed { return (.success(()), []) }
                    state.sleepers[id] = Sleeper(deadline: deadline, continuation: continuation)
                    return (nil, state.ready())
                }
                if let isFinished { continuation.resume(with: isFinished) }
                for waiter in ready { waiter.resume() }
            }
        } onCancel: {
            let sleeper = state.withLock { state in
                let sleeper = state.sleepers.removeValue(forKey: id)
                if sleeper == nil { state.cancelled.insert(id) }
                return sleeper
            }
            sleeper?.continuation.resume(throwing: CancellationError())
        }
    }
}

@testable import API
import Synchronization
import Testing

@Suite struct FairQueueTests {
    /// Blocks each task in `pass` until the test calls `letOne`.
    private final class Gate: Sendable {
        private let stream: AsyncStream<Void>
        private let open: AsyncStream<Void>.Continuation
        init() { (stream, open) = AsyncStream.makeStream(of: Void.self) }
        func pass() async { for await _ in stream { return } }
        func letOne() { open.yield() }
    }

    private final class Record: Sendable {
        private let state = Mutex<[String]>([])
        func add(_ word: String) { state.withLock { $0.append(word) } }
        var all: [String] { state.withLock { $0 } }
    }

    /// Yields until the condition holds, because `FairQueue` has no event for a waiting turn.
    private func wait(until isTrue: () -> Bool) async { while !isTrue() { await Task.yield() } }

    @Test(.timeLimit(.minutes(1))) func `keys take turns, even when one key has many pieces of work waiting`() async throws {
        let turns = FairQueue<String>(lanes: 1, perKey: 100, limit: 100)
        let (gate, record) = (Gate(), Record())
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await turns.run(of: "first") { _ in await gate.pass() } }
            await wait { turns.activeCount == 1 }
            for number in 0..<50 {
                group.addTask { try await turns.run(of: "flood") { _ in record.add("flood") } }
                await wait { turns.waitingCount == number + 1 }
            }
            group.addTask { try await turns.run(of: "good") { _ in record.add("good") } }
            await wait { turns.waitingCount == 51 }
            gate.letOne()
            try await group.waitForAll()
        }
        #expect(record.all.count == 51)
        #expect(record.all.firstIndex(of: "good").map { $0 <= 1 } == true)
    }

    @Test(.timeLimit(.minutes(1))) func `a key runs one piece of work at a time, and other keys use the other lanes`() async throws {
        let turns = FairQueue<String>(lanes: 2, perKey: 10, limit: 10)
        let gate = Gate()
        let record = Record()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await turns.run(of: "a") { _ in await gate.pass() } }
            await wait { turns.activeCount == 1 }
            group.addTask { try await turns.run(of: "a") { _ in record.add("a again") } }
            await wait { turns.waitingCount == 1 }
            try await turns.run(of: "b") { lane in record.add("b in \(lane)") }
            #expect(record.all == ["b in 1"])
            gate.letOne()
            try await group.waitForAll()
        }
        #expect(record.all == ["b in 1", "a again"])
    }

    @Test(.timeLimit(.minutes(1))) func `waiting work is limited per key and in total, and cancelled work leaves the queue`() async throws {
        let turns = FairQueue<String>(lanes: 1, perKey: 2, limit: 3)
        let gate = Gate()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await turns.run(of: "a") { _ in await gate.pass() } }
            await wait { turns.activeCount == 1 }
            let waiting = (0..<2).map { _ in Task { try await turns.run(of: "a") { _ in } } }
            await wait { turns.waitingCount == 2 }
            await #expect(throws: FairQueue<String>.Full.self) { try await turns.run(of: "a") { _ in } }
            let other = Task { try await turns.run(of: "b") { _ in } }
            await wait { turns.waitingCount == 3 }
            await #expect(throws: FairQueue<String>.Full.self) { try await turns.run(of: "c") { _ in } }
            for task in waiting { task.cancel() }
            for task in waiting { await #expect(throws: CancellationError.self) { try await task.value } }
            #expect(turns.waitingCount == 1)
            gate.letOne()
            try await other.value
            try await group.waitForAll()
        }
        #expect(turns.waitingCount == 0 && turns.activeCount == 0)
    }
}

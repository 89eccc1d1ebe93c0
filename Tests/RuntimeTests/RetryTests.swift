import Examples
import Runtime
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(1))) struct RetryTests {
    @Test func `pauses double up to the longest, and start again after a success`() {
        var pauses = RetryPause(first: .seconds(5), longest: .seconds(30))
        let growing = (0..<5).map { _ in pauses.next() }
        pauses.reset()
        #expect(growing + [pauses.next()] == [5, 10, 20, 30, 30, 5].map(Duration.seconds))
    }

    @Test func `if the longest pause is shorter than the first pause, every pause after the first is the longest pause`() {
        var pauses = RetryPause(first: .seconds(5), longest: .seconds(3))
        #expect([pauses.next(), pauses.next(), pauses.next()] == [5, 3, 3].map(Duration.seconds))
    }

    /// Fails in the given runs.
    private struct Work: Service {
        struct Failure: Error {}
        let clock: ServiceClock
        let failures: Set<Int>
        let runs: RunTimes

        func run() async throws {
            try await clock.repeating(
                every: .seconds(10), retry: RetryPause(first: .seconds(2), longest: .seconds(60)), failure: "work failed",
                log: Log("test", minimumLevel: .error)
            ) {
                if failures.contains(runs.add(clock.now)) { throw Failure() }
            }
        }
    }

    private final class RunTimes: Sendable {
        private let times = Mutex<[ContinuousClock.Instant]>([])
        func add(_ time: ContinuousClock.Instant) -> Int {
            times.withLock {
                $0.append(time)
                return $0.count
            }
        }
        func seconds(since start: ContinuousClock.Instant) -> [Int64] { times.withLock { $0.map { ($0 - start).components.seconds } } }
    }

    @Test func `repeated work waits its period after a success, and growing pauses while it fails`() async throws {
        let (clock, runs) = (ManualClock(), RunTimes())
        let start = clock.serviceClock.now
        try await clock.running(Work(clock: clock.serviceClock, failures: [2, 3, 4, 6], runs: runs)) {
            for _ in 0..<60 { await clock.advance(.seconds(1)) }
        }
        #expect(runs.seconds(since: start) == [10, 20, 22, 26, 34, 44, 46, 56])
    }
}

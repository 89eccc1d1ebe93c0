package import Measures

/// The time in the loops of services: a monotonic clock to wait on, and the host's wall clock. Tests pass a clock that they advance.
package struct ServiceClock: Sendable {
    private let monotonic: @Sendable () -> ContinuousClock.Instant
    private let wall: @Sendable () -> Instant
    private let wake: @Sendable (ContinuousClock.Instant) async throws -> Void

    /// - Parameters:
    ///   - wall: the host's wall clock, also during a replay.
    ///   - sleep: returns at the given time; throws `CancellationError` if the task is cancelled before.
    package init(
        now: @escaping @Sendable () -> ContinuousClock.Instant, wall: @escaping @Sendable () -> Instant,
        sleep: @escaping @Sendable (ContinuousClock.Instant) async throws -> Void
    ) {
        (monotonic, self.wall, wake) = (now, wall, sleep)
    }

    package static let host = ServiceClock(now: { .now }, wall: { WallClock.now }, sleep: { try await Task.sleep(until: $0) })

    package var now: ContinuousClock.Instant { monotonic() }
    package var wallClock: Instant { wall() }
    package func sleep(until deadline: ContinuousClock.Instant) async throws { try await wake(deadline) }
    package func sleep(for pause: Duration) async throws { try await wake(now + pause) }

    /// Waits until the task is cancelled.
    package func sleepForever() async throws { try await sleep(for: .seconds(1 << 40)) }
}

extension ServiceClock {
    /// Repeats a task: `period` after a success, and after growing pauses while the task fails. Each failure is logged.
    /// - Parameters:
    ///   - first: the pause before the first run; `nil` means `period`.
    ///   - failure: the log event of a failure.
    /// - Throws: `CancellationError`, and no other error.
    package func repeating(
        every period: Duration, first: Duration? = nil, retry pauses: RetryPause, failure: String, log: Log, _ task: () async throws -> Void
    ) async throws -> Never {
        var (pauses, pause) = (pauses, first ?? period)
        while true {
            try await sleep(for: pause)
            do {
                try await task()
                pauses.reset()
                pause = period
            } catch is CancellationError { throw CancellationError() } catch {
                pause = pauses.next()
                log(.error, failure, ["error": "\(error)", "after_s": pause.components.seconds])
            }
        }
    }

    /// Limits a repeated check to about 3 % of the time: after the check, waits 30 times as long as the check took. Does not wait after a check of up to
    /// 0.1 s.
    package func rest(after took: Duration, atMost longest: Duration = .seconds(600)) async throws {
        if took > .milliseconds(100) { try await sleep(for: min(took * 30, longest)) }
    }
}

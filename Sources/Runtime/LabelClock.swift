internal import Glibc
package import Measures

/// Gives readings their time: the system's clock, or a recording's, `speed` times as fast as life.
///
/// Labels, grid, retention, expiry and scoring go by it; commits, sync and backoff go by real time.
package struct LabelClock: Sendable {
    private let replay: (from: Instant, startedMs: Int64, speed: Double)?

    package static let system = LabelClock(replay: nil)

    /// - Parameter speed: above 0.
    package static func replay(from: Instant, speed: Double) -> LabelClock {
        LabelClock(replay: (from, BootTime.nowMs, speed))
    }

    private init(replay: (from: Instant, startedMs: Int64, speed: Double)?) { self.replay = replay }

    package var isReplay: Bool { replay != nil }

    package var now: Instant {
        guard let replay else { return LabelClock.wallClock }
        return Instant(ms: replay.from.ms + Int64(Double(BootTime.nowMs - replay.startedMs) * replay.speed))
    }

    /// How long in real time until this clock shows `instant`; zero when it has passed.
    package func realTime(until instant: Instant) -> Duration {
        let gap = instant.ms - now.ms
        guard gap > 0 else { return .zero }
        return .milliseconds(replay.map { Int64(Double(gap) / $0.speed) } ?? gap)
    }

    /// The host's own clock, whatever is replayed.
    package static var wallClock: Instant {
        var time = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        return Instant(ms: Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000)
    }
}

package enum BootTime {
    /// Milliseconds since the host started, suspend included.
    package static var nowMs: Int64 {
        var time = timespec()
        unsafe clock_gettime(CLOCK_BOOTTIME, &time)
        return Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000
    }
}

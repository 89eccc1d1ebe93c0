internal import Glibc
package import Measures

/// Gives readings their time: the host's clock, or a recording's, `speed` times as fast as life.
///
/// Labels, grid, retention, expiry and scoring go by it; commits, sync and backoff go by real time.
package struct LabelClock: Sendable {
    private let host: HostClock
    private let replay: (from: Instant, startedMs: Int64, speed: Double)?

    /// - Parameter last: the newest reading of this start of the host, if any: a restart of the program believes no more than it did.
    package static func live(after last: Reading? = nil) -> LabelClock { LabelClock(host: HostClock(after: last), replay: nil) }

    /// - Parameter speed: above 0.
    package static func replay(from: Instant, speed: Double) -> LabelClock {
        LabelClock(host: HostClock(after: nil), replay: (from, BootTime.nowMs, speed))
    }

    package var isReplay: Bool { replay != nil }

    package func read() -> HostClock.Stamp {
        guard let replay else { return host.read() }
        let boottimeMs = BootTime.nowMs
        let now = Instant(ms: replay.from.ms + Int64(Double(boottimeMs - replay.startedMs) * replay.speed))
        return HostClock.Stamp(takenAt: now, quality: .synchronised, boottimeMs: boottimeMs)
    }

    package var now: Instant { read().takenAt }
    package var quality: ClockQuality { read().quality }

    /// What was learned about readings taken before the clock was set, once.
    package func takeCorrections() -> [ClockDiscipline.Correction] { host.takeCorrections() }

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

internal import Glibc
package import Measures
internal import Synchronization

/// The clock that sets the time of readings: the host's clock, or in a replay the recording's time, which runs `speed` times as fast as real
/// time.
///
/// Labels, time grid, retention, expiry and scoring use this clock; commits, sync and backoff use real time.
package struct ReadingClock: Sendable {
    private let host: HostClock
    private let replay: ReplayClock?

    /// - Parameter last: the newest reading of this start of the host, if any, so that after a restart the program trusts the clock no more than
    ///   before.
    package static func live(after last: Reading? = nil) -> ReadingClock { ReadingClock(host: HostClock(after: last), replay: nil) }

    /// - Parameters:
    ///   - speed: above 0.
    ///   - recordings: the number of replayed recordings; when all have ended, the clock stops.
    package static func replay(from: Instant, speed: Double, recordings: Int = 1) -> ReadingClock {
        ReadingClock(host: HostClock(after: nil), replay: ReplayClock(from: from, speed: speed, recordings: recordings))
    }

    package var isReplay: Bool { replay != nil }

    package func read() -> HostClock.ClockSample {
        guard let replay else { return host.read() }
        return HostClock.ClockSample(takenAt: replay.now, quality: .synchronised, boottimeMs: BootTime.nowMs)
    }

    package var now: Instant { read().takenAt }
    package var quality: ClockQuality { read().quality }

    /// The corrections of readings taken before the clock was set; each is returned once.
    package func takeCorrections(boot: UInt32) -> [ClockCorrection] {
        host.takeCorrections().map { ClockCorrection(boot: boot, boottimeMs: $0.boottimeMs, offset: $0.offset) }
    }

    /// The real time until this clock shows `instant`; zero if `instant` has passed.
    package func realTime(until instant: Instant) -> Duration {
        let gap = instant.ms - now.ms
        guard gap > 0 else { return .zero }
        return .milliseconds(replay.map { Int64(Double(gap) / $0.speed) } ?? gap)
    }

    /// Reports that a recording has no more rows. After the last one the clock stops: otherwise the last replayed readings would look outdated.
    package func recordingEnded() { replay?.recordingEnded() }
}

/// The time of the recordings; stops when all recordings have ended.
private final class ReplayClock: Sendable {
    let speed: Double
    private let from: Instant
    private let startedMs = BootTime.nowMs
    private let state: Mutex<(going: Int, stoppedAt: Instant?)>

    init(from: Instant, speed: Double, recordings: Int) {
        (self.from, self.speed) = (from, speed)
        state = Mutex((recordings, nil))
    }

    var now: Instant { state.withLock { $0.stoppedAt } ?? running }

    private var running: Instant { Instant(ms: from.ms + Int64(Double(BootTime.nowMs - startedMs) * speed)) }

    func recordingEnded() {
        let now = running
        state.withLock { state in
            state.going -= 1
            if state.going <= 0, state.stoppedAt == nil { state.stoppedAt = now }
        }
    }
}

internal import CLinux
package import Measures
internal import Synchronization

/// The host's clock, filtered by `ClockDiscipline`, and the corrections of earlier readings that follow when the clock is set.
package final class HostClock: Sendable {
    private struct State {
        var discipline = ClockDiscipline()
        var corrections: [ClockDiscipline.Correction] = []
    }
    private let state: Mutex<State>

    package init(after last: Reading?) { state = Mutex(State(discipline: ClockDiscipline(after: last))) }

    package struct ClockSample: Sendable {
        package let takenAt: Instant
        package let quality: ClockQuality
        package let boottimeMs: Int64
    }

    package func read() -> ClockSample {
        state.withLock { state in
            let boottimeMs = BootTime.nowMs
            let verdict = state.discipline.update(
                wall: WallClock.now, boottimeMs: boottimeMs, isSynchronised: clinux_clock_is_synchronised() == 1)
            if let correction = verdict.correction { state.corrections.append(correction) }
            return ClockSample(takenAt: verdict.now, quality: verdict.quality, boottimeMs: boottimeMs)
        }
    }

    /// The corrections since the last call, in order.
    package func takeCorrections() -> [ClockDiscipline.Correction] {
        state.withLock { state in
            defer { state.corrections = [] }
            return state.corrections
        }
    }
}

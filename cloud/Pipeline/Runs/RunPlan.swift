package import Archive
package import Measures

/// The next action of a run: a pure function of the stored run and the time.
package enum RunPlan {
    package enum Action: Equatable, Sendable {
        case perform(TrainingStep)
        case wait(until: Instant)
        case end(RunOutcome, detail: String)
        case none  // the run has ended
    }

    package static let maximumAttempts = 5
    private static let maximumStarts = 20  // of a step during which programs end, for example for want of memory

    /// - Parameter maximumAttempts: of a step; 1 for a command, whose user sees the error and decides.
    package static func next(_ run: Archive.Run, maximumAttempts: Int = maximumAttempts, now: Instant) -> Action {
        if run.endedAt != nil { return .none }
        if let author = run.cancelledBy { return .end(.cancelled, detail: "cancelled by \(author)") }
        guard let step = TrainingStep(rawValue: run.step) else { return .end(.failed, detail: "the run has no step \(run.step)") }
        if run.failedAttempts >= maximumAttempts {
            return .end(.failed, detail: "\(step.name) failed" + (run.failedAttempts > 1 ? " \(run.failedAttempts) times" : ""))
        }
        if run.starts >= maximumStarts { return .end(.failed, detail: "\(step.name) was started \(run.starts) times without an end") }
        if run.retryAt > now { return .wait(until: run.retryAt) }
        return .perform(step)
    }

    /// The pause after a failed attempt: 10 s, then four times as long after each further failure.
    /// - Parameter attempts: failed attempts, including the last.
    package static func pause(after attempts: Int) -> Duration { .seconds(10 << (2 * max(0, min(attempts, maximumAttempts) - 1))) }
}

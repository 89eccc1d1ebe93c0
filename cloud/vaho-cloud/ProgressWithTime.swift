internal import Console
internal import Pipeline
internal import Synchronization

/// Progress of a run with an estimate of the time left in its stage.
final class ProgressWithTime: Sendable {
    private let progress = Progress()
    private let began = Mutex<(stage: String, at: ContinuousClock.Instant)>(("", .now))

    func show(_ step: TrainingProgress) {
        let elapsed = began.withLock { began -> Duration in
            if began.stage != step.stage.rawValue { began = (step.stage.rawValue, .now) }
            return .now - began.at
        }
        var text = step.description
        // An estimate from less than two seconds is a guess.
        if step.share > 0 && step.share < 1 && elapsed > .seconds(2) {
            let left = elapsed * ((1 - step.share) / step.share)
            text += ", about \(left.components.seconds + 1) s left"
        }
        progress.show(text, stage: step.stage.rawValue)
    }

    func show(_ text: String) { progress.show(text, stage: text) }
    func end() { progress.end() }
}

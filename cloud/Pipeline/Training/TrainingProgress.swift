internal import Text

/// The progress of a training run: its stage, and the done share of the stage.
package struct TrainingProgress: Sendable {
    package enum Stage: String, Sendable {
        case reading, sampling, fitting, intervals, backtesting
    }

    package let stage: Stage
    private let count: Int
    private let all: Int
    private let loss: Double?

    init(_ stage: Stage, _ count: Int, of all: Int, loss: Double? = nil) {
        (self.stage, self.count, self.all, self.loss) = (stage, count, all, loss)
    }

    /// The done share of the stage, 0 to 1.
    package var share: Double { all > 0 ? Double(count) / Double(all) : 0 }

    package var description: String {
        switch stage {
        case .reading: "reading series \(count) of \(all)"
        case .sampling: "sampling training rows, series \(count) of \(all)"
        case .fitting: "fitting, pass \(count) of \(all): mean loss \(loss.flatMap { NumberText.fixed($0, places: 3) } ?? "not finite")"
        case .intervals: "measuring interval widths, series \(count) of \(all)"
        case .backtesting: "backtesting against the champion, series \(count) of \(all)"
        }
    }
}

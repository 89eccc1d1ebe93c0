internal import Text

/// The progress of a training run, reported step by step.
package enum TrainingProgress: Sendable {
    case reading(Int, of: Int)  // series
    case fitting(Int, of: Int, loss: Double)  // passes over the rows
    case comparing(Int, of: Int)  // series

    package var stage: String {
        switch self {
        case .reading: "reading"
        case .fitting: "fitting"
        case .comparing: "comparing"
        }
    }

    package var description: String {
        switch self {
        case .reading(let count, let all): "reading series \(count) of \(all)"
        case .fitting(let count, let all, let loss):
            "fitting, pass \(count) of \(all): mean loss \(NumberText.fixed(loss, places: 3) ?? "not finite")"
        case .comparing(let count, let all): "comparing with the champion, series \(count) of \(all)"
        }
    }
}

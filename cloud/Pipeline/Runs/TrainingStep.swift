/// The steps of a training run, in order. The archive stores the place of the current step, so the order must not change.
package enum TrainingStep: Int, Sendable, CaseIterable {
    case validate  // is there enough data?
    case snapshot  // of all observations
    case train  // a candidate
    case backtest  // candidate and champion on the same origins
    case verdict  // pass, fail or inconclusive
    case register  // completes the header of the candidate with the backtest
    case sign  // the release
    case rollOut  // the release becomes the champion

    package var name: String { self == .rollOut ? "roll out" : "\(self)" }
}

internal import Archive

/// The result of a step of a run: the run moves to the next step, or ends.
struct StepResult: Sendable {
    let detail: String  // one line for the log of the run
    var end: RunOutcome?
    /// The changes that belong to the step. The archive makes them in the transaction that moves the run.
    var changes: @Sendable (isolated Archive) throws -> Void = { _ in }

    static func ended(_ outcome: RunOutcome, _ detail: String) -> StepResult { StepResult(detail: detail, end: outcome) }
}

internal import Archive
internal import Runtime
internal import Signing
internal import Text

/// Does the steps of a training run. Apart from `snapshot`, which makes the snapshot in its own transactions, a step changes nothing of the run: its
/// changes are part of its result.
struct TrainingRun: Sendable {
    let run: Archive.Run
    let archive: Archive  // makes the snapshot
    let reader: Archive  // reads the observations; may be the same archive
    let keyFile: String
    let pretrained: PretrainedNetwork?
    let rolloutSteps: RolloutSteps
    let threads: [ComputingThread]
    let progress: @Sendable (TrainingProgress) -> Void

    /// For `train` and `backtest`, the hash of the step's inputs; for the other steps, the snapshot. A later run with the same inputs of `train` uses the
    /// candidate again.
    func inputs(of step: TrainingStep) async throws -> String {
        switch step {
        case .train:
            let start = try await start()
            return TrainingRun.hash([run.snapshot, configuration, CandidateFit.codeVersion, start.sha256])
        case .backtest:
            let candidate = try await archive.candidate(of: run.id) ?? []
            return TrainingRun.hash([run.snapshot, Hexadecimal.text(SHA256.digest(candidate)), try await start().championSHA256])
        case .validate, .snapshot, .verdict, .register, .sign, .rollOut: return run.snapshot
        }
    }

    /// The cause of a run that keeps the champion's weights and computes only its intervals again.
    static let miscalibration = "miscalibration"
    /// Whether only the intervals are computed again.
    var keepsWeights: Bool { run.cause.hasPrefix(TrainingRun.miscalibration) }

    /// The cause of a run that judges a network made elsewhere begins with this word and the beginning of the file's SHA-256.
    static let givenCandidate = "candidate"
    /// Whether the candidate was made elsewhere, and is not trained by the run.
    var isGiven: Bool { TrainingRun.isGiven(cause: run.cause) }
    static func isGiven(cause: String) -> Bool { cause.hasPrefix(givenCandidate + " ") }

    var configuration: String {
        // The cause of a given candidate names its file.
        if isGiven { return TrainingRun.hash(["given", String(run.cause.prefix { $0 != ":" })]) }
        return keepsWeights ? CandidateFit.intervalsConfiguration : CandidateFit.configuration
    }

    private static func hash(_ parts: [String]) -> String { Hexadecimal.text(SHA256.digest(Array(parts.joined(separator: "\n").utf8))) }

    func perform(_ step: TrainingStep, inputs: String) async throws -> StepResult {
        switch step {
        case .validate: try await validate()
        case .snapshot: try await snapshot()
        case .train: try await isGiven ? takeGivenCandidate() : train(inputs)
        case .backtest: try await backtest(inputs)
        case .verdict: try await verdict()
        case .register: try await register()
        case .sign: try await sign()
        case .rollOut: try await rollOut()
        }
    }

    func start() async throws -> TrainingStart {
        try await TrainingStart(of: reader, pretrained: pretrained)
    }
}

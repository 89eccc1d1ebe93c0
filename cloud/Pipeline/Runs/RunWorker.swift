package import Archive
internal import Measures
package import Runtime
internal import Text

/// Does the steps of training runs. All progress is in the archive: if a program ends in the middle of a step, the next worker repeats that step.
package struct RunWorker: Sendable {
    package static let kind = "training"

    private let archive: Archive
    private let reader: Archive
    private let keyFile: String
    private let pretrained: PretrainedNetwork?
    private let rolloutSteps: RolloutSteps
    private let maximumAttempts: Int
    private let clock: ServiceClock
    private let threads = ComputingThread.onePerCore(label: "training")

    /// - Parameters:
    ///   - archive: has the claim on training, stores results and makes snapshots.
    ///   - reader: reads the observations; may be the same archive.
    ///   - keyFile: the path of the fleet's signing key.
    ///   - pretrained: the network that the fleet's first model starts from.
    ///   - rolloutSteps: how the releases of runs reach the devices.
    ///   - maximumAttempts: of a step; 1 for a command, whose user sees the error and decides.
    package init(
        archive: Archive, reader: Archive, keyFile: String, pretrained: PretrainedNetwork? = nil,
        rolloutSteps: RolloutSteps = .standard, maximumAttempts: Int = RunPlan.maximumAttempts, clock: ServiceClock = .host
    ) {
        (self.archive, self.reader, self.keyFile, self.pretrained) = (archive, reader, keyFile, pretrained)
        (self.rolloutSteps, self.maximumAttempts, self.clock) = (rolloutSteps, maximumAttempts, clock)
    }

    /// Continues a run until it ends.
    /// - Returns: the ended run; `nil` if another program does runs of this archive now.
    /// - Throws: a `DatabaseFailure` if the archive cannot be used; the run then stays where it is.
    package func work(on id: Int64, progress: @escaping @Sendable (TrainingProgress) -> Void = { _ in }) async throws -> Archive.Run? {
        guard try await archive.claim(.training) else { return nil }
        do {
            let run = try await claimedWork(on: id, progress)
            await archive.endClaim(.training)
            return run
        } catch {
            await archive.endClaim(.training)
            throw error
        }
    }

    private func claimedWork(on id: Int64, _ progress: @escaping @Sendable (TrainingProgress) -> Void) async throws -> Archive.Run? {
        while let run = try await archive.run(id) {
            // A restart of the database ends the claim: another program may do the run now.
            guard await archive.holds(.training) else { return nil }
            switch RunPlan.next(run, maximumAttempts: maximumAttempts, now: clock.wallClock) {
            case .none: return run
            case .end(let outcome, let detail):
                let last = try await archive.steps(of: id).last.map { $0.state == "failed" ? ": \($0.detail)" : "" } ?? ""
                let text = outcome == .failed ? detail + last : detail
                try await archive.end(
                    run, outcome: outcome.rawValue, detail: text, stepState: outcome == .failed ? "failed" : "cancelled", now: clock.wallClock)
            case .wait(let until): try await clock.sleep(for: min(.seconds(1), until - clock.wallClock))
            case .perform(let step): try await perform(step, of: run, progress)
            }
        }
        return nil
    }

    private func perform(_ step: TrainingStep, of run: Archive.Run, _ progress: @escaping @Sendable (TrainingProgress) -> Void) async throws {
        let training = TrainingRun(
            run: run, archive: archive, reader: reader, keyFile: keyFile, pretrained: pretrained, rolloutSteps: rolloutSteps,
            threads: threads, progress: progress)
        do {
            let inputs = try await training.inputs(of: step)
            try await archive.beginStep(step.name, inputs: inputs, of: run, now: clock.wallClock)
            let result = try await unlessCancelled(run) { try await training.perform(step, inputs: inputs) }
            if let end = result.end {
                try await archive.end(
                    run, outcome: end.rawValue, detail: result.detail, stepState: "done", now: clock.wallClock, results: result.changes)
            } else {
                try await archive.completeStep(of: run, detail: result.detail, now: clock.wallClock, results: result.changes)
            }
        } catch is RunCancelled {
            // The plan ends the run.
        } catch is Archive.RunMoved {
            // Another program, or a person, has ended the run in the meantime.
        } catch let error where !(error is CancellationError) && !RunWorker.isOutage(error) {
            try await archive.beginStep(step.name, inputs: "", of: run, now: clock.wallClock, onlyIfMissing: true)
            // The plan ends the run after the last attempt.
            let retryAt = clock.wallClock + RunPlan.pause(after: run.failedAttempts + 1)
            try await archive.failStep(of: run, error: "\(error)", retryAt: retryAt, now: clock.wallClock)
        }
    }

    /// Whether the archive cannot be used now: then the failure cannot be stored either, and the run stays where it is.
    private static func isOutage(_ error: any Error) -> Bool { (error as? any DatabaseFailure)?.isRetryable ?? false }

    private struct RunCancelled: Error {}

    /// Checks every second whether the run was cancelled, and then cancels the step.
    private func unlessCancelled<Result: Sendable>(
        _ run: Archive.Run, _ body: @escaping @Sendable () async throws -> Result
    ) async throws -> Result {
        try await withThrowingTaskGroup(of: Result.self) { [archive, clock] group in
            group.addTask { try await body() }
            group.addTask {
                while try await !archive.isCancelled(run.id) { try await clock.sleep(for: .seconds(1)) }
                throw RunCancelled()
            }
            defer { group.cancelAll() }
            guard let result = try await group.next() else { throw CancellationError() }
            return result
        }
    }
}

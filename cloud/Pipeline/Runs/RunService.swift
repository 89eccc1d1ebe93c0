package import Archive
internal import Measures
package import Runtime

/// Executes started runs. With several servers on one archive, the server that has the claim `training` executes the run.
package struct RunService: Service {
    private let archive: Archive
    private let worker: RunWorker
    private let clock: ServiceClock
    private let log: Log

    package init(archive: Archive, worker: RunWorker, clock: ServiceClock = .host, log: Log) {
        (self.archive, self.worker, self.clock, self.log) = (archive, worker, clock, log)
    }

    package func run() async throws {
        try await clock.repeating(
            every: .seconds(1), retry: RetryPause(first: .seconds(2), longest: .seconds(60)), failure: "training run not continued, retrying",
            log: log
        ) {
            guard let run = try await archive.unfinishedRun(kind: RunWorker.kind), let ended = try await worker.work(on: run.id),
                let endedAt = ended.endedAt
            else { return }
            log(
                ended.outcome == RunOutcome.failed.rawValue ? .error : .info, "training run ended",
                [
                    "run": ended.id, "outcome": ended.outcome, "cause": ended.cause, "seconds": (endedAt - ended.createdAt).components.seconds,
                    "release": ended.release.map { String($0) } ?? "none", "detail": ended.detail,
                ])
        }
    }
}

internal import Measures
package import Runtime

/// Deletes expired batches from the log in small steps, and creates the partitions of the coming three months.
package struct Retention: Service {
    private let archive: Archive
    private let keep: Duration?
    private let clock: ServiceClock
    private let log: Log

    private static let period: Duration = .seconds(3_600)
    private static let preparedSpan: Duration = .seconds(92 * 86_400)

    /// - Parameter keep: how long batches stay in the log; `nil` if batches are never deleted.
    package init(archive: Archive, keep: Duration?, clock: ServiceClock = .host, log: Log) {
        self.archive = archive
        self.keep = keep
        self.clock = clock
        self.log = log
    }

    package func run() async throws {
        var nextAdvance = clock.now
        try await clock.repeating(
            every: Retention.period, first: .zero, retry: RetryPause(first: .seconds(2), longest: .seconds(300)),
            failure: "retention failed, retrying",
            log: log
        ) {
            let now = clock.wallClock
            guard now > ClockDiscipline.earliest else { return }  // the server's clock is not set yet
            var failure: (any Error)?
            do { try await archive.preparePartitions(for: now...(now + Retention.preparedSpan)) } catch { failure = error }
            if let keep {
                // Each call moves the cutoff by up to a day. So a retry after a failure does not call this function again.
                if clock.now >= nextAdvance {
                    _ = try await archive.advanceRetention(keep: keep, now: now)
                    nextAdvance = clock.now + Retention.period
                }
                try await deleteBatches(before: try await archive.retentionCutoff())
                // A model is compared with the same season of the three years before.
                while try await !archive.deleteLiveScores(before: now.ms / 86_400_000 - Retention.liveScoreDays) { await Task.yield() }
            }
            if let failure { throw failure }
        }
    }

    private static let liveScoreDays: Int64 = 4 * 366

    /// Deletes batches that arrived before the cutoff: in PostgreSQL whole months, in a folder all batches except each device's newest batch. If a
    /// device's readings are not derived yet, the deletion of its batches is postponed.
    func deleteBatches(before cutoff: Instant) async throws {
        guard cutoff > ClockDiscipline.earliest else { return }
        var postponed = 0
        if let months = try await archive.closeExpiredMonths(before: cutoff) {
            for month in months {
                let waiting = try await runSteps { try await archive.prepareToDrop(month, after: $0, before: cutoff) }.postponed
                postponed += waiting
                guard waiting == 0 else { continue }
                try await archive.drop(month)
                log(.info, "expired month deleted from the log", ["month": month])
            }
        } else {
            let done = try await runSteps { try await archive.deleteExpiredBatches(after: $0, before: cutoff) }
            postponed = done.postponed
            if done.deleted > 0 { log(.info, "expired batches deleted from the log", ["batches": done.deleted]) }
        }
        if postponed > 0 { log(.warning, "deletion of expired batches postponed until they are derived", ["devices": postponed]) }
        _ = try await runSteps { try await archive.deleteExpiredPlainReadings(after: $0, before: cutoff) }
        while try await archive.releaseFreeSpace() { try await Task.sleep(for: .milliseconds(20)) }
    }

    /// Runs steps until no device is left. Pauses after each step for as long as the step took, so that the ingest can use the database. These pauses
    /// are real time, not the time of `clock`: they depend on how long the database needs.
    private func runSteps(
        _ step: (_ after: Int64) async throws -> Archive.RetentionStep?
    ) async throws -> (deleted: Int, postponed: Int) {
        var (device, deleted, postponed) = (Int64(0), 0, 0)
        while true {
            let started = ContinuousClock.now
            guard let done = try await step(device) else { return (deleted, postponed) }
            (device, deleted, postponed) = (done.continueAfter, deleted + done.deleted, postponed + done.postponed)
            try await Task.sleep(for: .now - started)
        }
    }
}

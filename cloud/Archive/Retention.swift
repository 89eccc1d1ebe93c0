package import Measures
package import Runtime

/// Deletes batches from the log that are older than the retention, in small steps, and prepares the database for the coming months.
package struct Retention: Service {
    private let archive: Archive
    private let keep: Duration?
    private let clock: ServiceClock
    private let log: Log

    private static let period: Duration = .seconds(6 * 3_600)
    private static let preparedSpan: Duration = .seconds(92 * 86_400)

    /// - Parameter keep: how long batches stay in the log; `nil`: for ever.
    package init(archive: Archive, keep: Duration?, clock: ServiceClock = .host, log: Log) {
        self.archive = archive
        self.keep = keep
        self.clock = clock
        self.log = log
    }

    package func run() async throws {
        try await clock.repeating(
            every: Retention.period, first: .zero, retry: RetryPause(first: .seconds(2), longest: .seconds(300)),
            failure: "old batches not deleted, retrying", log: log
        ) {
            let now = clock.wallClock
            guard now > ClockDiscipline.earliest else { return }  // the server's clock is not set yet
            try await archive.preparePartitions(for: now...(now + Retention.preparedSpan))
            if let keep { try await deleteBatches(before: try await archive.advanceRetention(keep: keep, now: now)) }
        }
    }

    /// Deletes all expired batches, except those whose observations are being derived.
    /// - Parameter horizon: batches that arrived before this time are expired.
    package func deleteBatches(before horizon: Instant) async throws {
        var postponed = 0
        if let months = try await archive.expiredMonths(before: horizon) {
            for month in months {
                let waiting = try await total({ $0.postponed }) { try await archive.prepareToDrop(month, after: $0, before: horizon) }
                postponed += waiting
                guard waiting == 0 else { continue }
                try await archive.drop(month)
                log(.info, "batches of a month deleted", ["year": month / 12, "month": month % 12 + 1])
            }
        } else {
            let deleted = try await total({ $0.deleted }) { try await archive.deleteExpiredBatches(after: $0, before: horizon) }
            if deleted > 0 { log(.info, "old batches deleted", ["batches": deleted]) }
        }
        if postponed > 0 { log(.warning, "old batches not deleted yet: their observations are being derived", ["devices": postponed]) }
        _ = try await total({ $0.deleted }) { try await archive.deleteExpiredPlainReadings(after: $0, before: horizon) }
        while try await archive.giveBackSpace() { try await Task.sleep(for: .milliseconds(20)) }
    }

    /// Runs steps over all devices. After each step a pause as long as the step leaves the database to the ingest.
    private func total(
        _ count: (Archive.RetentionStep) -> Int, _ step: (_ after: Int64) async throws -> Archive.RetentionStep?
    ) async throws -> Int {
        var (device, sum) = (Int64(0), 0)
        while true {
            let started = ContinuousClock.now
            guard let done = try await step(device) else { return sum }
            (device, sum) = (done.device, sum + count(done))
            try await Task.sleep(for: .now - started)
        }
    }
}

package import Archive
internal import Measures
package import Runtime

/// Packs weeks of observations when they have ended, so that a snapshot has to pack only the current week; and deletes snapshots that are not needed.
package struct SnapshotUpkeep: Service {
    private static let weeksPerStep = 20  // a step takes milliseconds, and the ingest waits for it
    private static let settling: Duration = .seconds(86_400)  // most late readings arrive within a day
    private static let cleanupPeriod: Duration = .seconds(3_600)
    package static let keptSnapshots = 5

    private let archive: Archive
    private let clock: ServiceClock
    private let log: Log

    package init(archive: Archive, clock: ServiceClock = .host, log: Log) { (self.archive, self.clock, self.log) = (archive, clock, log) }

    package func run() async throws {
        var cleanedAt = clock.now
        try await clock.repeating(
            every: .seconds(60), retry: RetryPause(first: .seconds(5), longest: .seconds(300)), failure: "snapshots not kept up, retrying", log: log
        ) {
            // While another program makes a snapshot, there is nothing to do here.
            guard try await archive.claim(.snapshots) else { return }
            do { try await packWeeks() } catch {
                await archive.endClaim(.snapshots)
                throw error
            }
            await archive.endClaim(.snapshots)
            guard clock.now - cleanedAt >= SnapshotUpkeep.cleanupPeriod else { return }
            cleanedAt = clock.now
            let cleanup = try await archive.deleteSnapshots(except: SnapshotUpkeep.keptSnapshots)
            if cleanup.snapshots > 0 { log(.info, "snapshots deleted", ["snapshots": cleanup.snapshots, "weeks": cleanup.weeks]) }
        }
    }

    private func packWeeks() async throws {
        let end = clock.wallClock - SnapshotUpkeep.settling
        while try await archive.packWeeks(endedBefore: end, limit: SnapshotUpkeep.weeksPerStep) == SnapshotUpkeep.weeksPerStep {
            try await clock.sleep(for: .milliseconds(20))
        }
    }
}

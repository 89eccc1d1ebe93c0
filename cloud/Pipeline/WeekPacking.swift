package import Archive
internal import Measures
package import Runtime

/// Packs weeks of observations when they have ended, so that a snapshot has to pack only the current week.
package struct WeekPacking: Service {
    private let archive: Archive
    private let clock: ServiceClock
    private let log: Log

    private static let weeksPerStep = 20  // a step takes milliseconds, and the ingest waits for it
    private static let settling: Duration = .seconds(86_400)  // most late readings arrive within a day

    package init(archive: Archive, clock: ServiceClock = .host, log: Log) { (self.archive, self.clock, self.log) = (archive, clock, log) }

    package func run() async throws {
        try await clock.repeating(
            every: .seconds(60), retry: RetryPause(first: .seconds(5), longest: .seconds(300)), failure: "weeks not packed, retrying", log: log
        ) {
            let end = clock.wallClock - WeekPacking.settling
            while try await archive.packWeeks(endedBefore: end, limit: WeekPacking.weeksPerStep) == WeekPacking.weeksPerStep {
                try await clock.sleep(for: .milliseconds(20))
            }
        }
    }
}

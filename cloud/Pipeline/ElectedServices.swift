package import Archive
package import Runtime

/// Runs services on one server at a time, among all servers that share an archive. When that server ends or loses its database, another takes over
/// within 10 s.
package struct ElectedServices: Service {
    private let archive: Archive
    private let services: [any Service]
    private let clock: ServiceClock
    private let log: Log
    private static let checkPeriod: Duration = .seconds(2)

    package init(archive: Archive, services: [any Service], clock: ServiceClock = .host, log: Log) {
        self.archive = archive
        self.services = services
        self.clock = clock
        self.log = log
    }

    package func run() async throws {
        while true {
            do {
                if try await archive.claim(.scheduling) {
                    log(.info, "scheduled work begins on this server")
                    try await Services.run(services + [ClaimWatch(archive: archive, clock: clock, period: ElectedServices.checkPeriod)])
                    await archive.endClaim(.scheduling)
                    try Task.checkCancellation()
                    log(.warning, "scheduled work no longer runs on this server, trying to claim it again")
                }
            } catch is CancellationError { throw CancellationError() } catch {
                await archive.endClaim(.scheduling)
                log(
                    .warning, "scheduled work failed, retrying",
                    ["error": "\(error)", "after_s": ElectedServices.checkPeriod.components.seconds])
            }
            try await clock.sleep(for: ElectedServices.checkPeriod)
        }
    }

    /// Ends when the claim is lost.
    private struct ClaimWatch: Service {
        let archive: Archive
        let clock: ServiceClock
        let period: Duration

        func run() async throws {
            while await archive.holds(.scheduling) { try await clock.sleep(for: period) }
        }
    }
}

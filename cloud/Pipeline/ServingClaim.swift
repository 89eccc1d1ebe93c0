package import Archive
package import Runtime

/// Keeps the claim of a running server, which excludes `vaho-cloud migrate`. A restart of the database ends the claim, so it is claimed again.
package struct ServingClaim: Service {
    /// `vaho-cloud migrate` is copying the archive. If this server stored a batch now, the batch could be missing in the copy.
    package struct Excluded: Error, CustomStringConvertible {
        package var description: String { "vaho-cloud migrate copies this archive: start the server again when the copy is complete" }
    }

    private let archive: Archive
    private let clock: ServiceClock
    private static let checkPeriod: Duration = .seconds(2)

    package init(archive: Archive, clock: ServiceClock = .host) {
        self.archive = archive
        self.clock = clock
    }

    /// - Throws: `Excluded`, which ends the server.
    package func run() async throws {
        while true {
            try await clock.sleep(for: ServingClaim.checkPeriod)
            do {
                guard try await archive.keepServing() else { throw Excluded() }
            } catch let error as any DatabaseFailure where error.isRetryable {
                // The database cannot be reached, so this server stores no batch without the claim.
            }
        }
    }
}

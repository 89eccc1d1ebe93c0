import Archive
import ArchiveExamples
import Examples
import Pipeline
import Runtime
import Synchronization
import Testing

/// The claims of several servers on one archive.
@Suite(.timeLimit(.minutes(1))) struct ElectionTests {
    private let place = TemporaryArchive()
    private let log = Log("test", minimumLevel: .error)

    /// Counts its starts, and runs until it is cancelled.
    private struct Work: Service {
        let starts: Starts
        let clock: ServiceClock
        func run() async throws {
            starts.add()
            try await clock.sleepForever()
        }
    }

    private final class Starts: Sendable {
        private let number = Mutex(0)
        func add() { number.withLock { $0 += 1 } }
        var count: Int { number.withLock { $0 } }
    }

    @Test func `only the server with the claim runs scheduled work; after a release, another server runs the work`() async throws {
        let (one, other) = (try await place.open(), try await place.open())
        let (clock, starts) = (ManualClock(), Starts())
        #expect(try await other.claim(.scheduling))
        let elected = ElectedServices(archive: one, services: [Work(starts: starts, clock: clock.serviceClock)], clock: clock.serviceClock, log: log)
        try await clock.running(elected) {
            for _ in 0..<3 { await clock.advance(.seconds(2)) }
            #expect(starts.count == 0)
            await other.endClaim(.scheduling)
            while starts.count == 0 { await clock.advance(.seconds(2)) }
            #expect(await one.holds(.scheduling))
            let isClaimedTwice = try await other.claim(.scheduling)
            #expect(!isClaimedTwice)
        }
        #expect(starts.count == 1)
    }

    @Test func `a server claims again after it has lost its claim, and ends if a migration has the claim`() async throws {
        let (server, migration) = (try await place.open(), try await place.open())
        let clock = ManualClock()
        #expect(try await server.claim(.serving, isShared: true))
        #expect(try await migration.claim(.serving) == false, "a migration must not get the claim while a server has it")
        try await clock.running(ServingClaim(archive: server, clock: clock.serviceClock)) {
            await server.endClaim(.serving)  // a server also loses its claim if the database restarts
            await clock.advance(.seconds(2))
            #expect(await server.holds(.serving))
        }
        await server.endClaim(.serving)
        while try await !migration.claim(.serving) { await Task.yield() }
        let excluded = Task { try await ServingClaim(archive: server, clock: clock.serviceClock).run() }
        await clock.sleepers()
        clock.advance(by: .seconds(2))
        await #expect(throws: ServingClaim.Excluded.self) { try await excluded.value }
    }
}

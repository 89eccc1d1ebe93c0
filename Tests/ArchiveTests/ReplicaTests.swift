@testable import Archive
import ArchiveExamples
import Foundation
import Measures
import Testing
import Wire

/// Several archives on one database, as several servers have them.
@Suite(.timeLimit(.minutes(3))) struct ReplicaTests {
    private let place = TemporaryArchive()

    /// Rounds of races: thousands on PostgreSQL, where replicas write at once; a few on SQLite, whose writers wait for each other.
    private static let rounds = TemporaryArchive.isPostgres ? Int(ProcessInfo.processInfo.environment["VAHO_TEST_RACES"] ?? "") ?? 1_000 : 50

    private static func ingest(_ archive: Archive, _ device: Int64, _ batch: Batch) async throws -> BatchAcknowledgement? {
        try await TemporaryArchive().ingest(archive, device, batch).first
    }

    @Test func `a batch that is sent to two servers at once is stored once`() async throws {
        let (one, other) = (try await place.open(), try await place.open())
        let device = try await place.device(one)
        for round in 0..<Self.rounds {
            let first = Int64(round * 3 + 1)
            let batch = try place.batch(first...(first + 2))
            async let a = Self.ingest(one, device, batch)
            async let b = Self.ingest(other, device, batch)
            for answer in [try await a, try await b] {
                #expect(answer?.through == first + 2)
                #expect(answer?.conflicts == [])
            }
        }
        #expect(try await one.totals().readings == Int64(Self.rounds * 3))
        #expect(try await one.heldRanges(device, Epoch(bits: 5)).ranges == [1...Int64(Self.rounds * 3)])
    }

    @Test func `servers that store and derive at once lose nothing, and their observations equal a rebuild`() async throws {
        let archive = try await place.open()
        let devices = try await [place.device(archive, "a"), place.device(archive, "b"), place.device(archive, "c")]
        let (place, batches) = (self.place.location, Self.rounds / 25)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for server in 0..<3 {
                group.addTask {
                    let archive = try await place.open()
                    let makers = TemporaryArchive()
                    for number in 0..<batches {
                        // Each server sends its own sequences of every device, so the servers' transactions meet on the same devices.
                        let first = Int64((number * 3 + server) * 4 + 1)
                        for device in devices { _ = try await makers.ingest(archive, device, makers.batch(first...(first + 3))) }
                    }
                }
                group.addTask {
                    let (archive, reader) = (try await place.open(), try await place.open(.readOnly))
                    for _ in 0..<batches {
                        let claimed = try await archive.claimPendingDevices(after: 0, except: [], limit: 64)
                        _ = try await archive.apply(reader.nextDerivationStep(claimed: claimed))
                    }
                }
            }
            try await group.waitForAll()
        }
        while try await archive.apply(archive.nextDerivationStep()) {}
        #expect(try await archive.underivedBatchCount() == 0)
        #expect(try await archive.totals().readings == Int64(batches * 3 * 4 * devices.count))
        for device in devices { #expect(try await archive.heldRanges(device, Epoch(bits: 5)).ranges == [1...Int64(batches * 12)]) }
        let derived = try await archive.bins()
        try await archive.requestRederivation(now: .now)
        while try await archive.apply(archive.nextDerivationStep()) {}
        #expect(try await archive.bins() == derived)
    }

    @Test(.enabled(if: TemporaryArchive.isPostgres)) func `servers claim different devices, a limited number each, and no paused device`()
        async throws
    {
        let archive = try await place.open()
        var devices: [Int64] = []
        for name in ["a", "b", "c", "d"] {
            devices.append(try await place.device(archive, name))
            _ = try await place.ingest(archive, devices[devices.count - 1], place.batch(1...3))
        }
        #expect(try await archive.claimPendingDevices(after: devices[1], except: [devices[2]], limit: 2) == [devices[0], devices[3]])
        let other = try await place.open()
        #expect(try await other.claimPendingDevices(after: 0, except: [], limit: 64) == [devices[1], devices[2]])
        #expect(try await archive.claimPendingDevices(after: 0, except: [], limit: 64) == [])
    }

    @Test func `work is claimed by one archive, and another takes over when the first is gone`() async throws {
        var one: Archive? = try await place.open()
        let other = try await place.open()
        #expect(try await one?.claim(.scheduling) == true)
        #expect(try await one?.claim(.scheduling) == false, "a claim is not given twice")
        #expect(await one?.holds(.scheduling) == true)
        #expect(try await other.claim(.scheduling) == false)
        #expect(try await other.claim(.training) == true, "each kind of work has a claim of its own")
        one = nil
        while try await !other.claim(.scheduling) { await Task.yield() }
        #expect(await other.holds(.scheduling))
        await other.endClaim(.scheduling)
        #expect(await !other.holds(.scheduling))
    }
}

extension Instant {
    fileprivate static var now: Instant { Instant(ms: Int64(Date().timeIntervalSince1970 * 1_000)) }
}

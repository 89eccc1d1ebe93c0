package import Archive
internal import Foundation
package import Measures
internal import Postgres
internal import Testing
package import Wire

/// An archive of its own for one test: in a scratch folder, or, if `Tests/postgres.sh` runs a server, in a schema of that server.
package final class TemporaryArchive {
    package static let server = ProcessInfo.processInfo.environment["VAHO_TEST_POSTGRES"]
    package static var isPostgres: Bool { server != nil }

    /// Where the archive is, and where files beside it go. Several tasks may open the archive at once.
    package struct Location: Sendable {
        let name = "archive_\(UInt64.random(in: 0...(.max)))"
        package var folder: String { FileManager.default.temporaryDirectory.path + "/vaho-\(name)" }
        package var keyFile: String { folder + "/release-signing.key" }

        package var store: StoreAddress {
            guard let server = TemporaryArchive.server, let address = PostgresAddress("\(server)?options=-csearch_path%3D\(name)") else {
                return .sqlite(folder: folder)
            }
            return .postgres(address)
        }

        package func open(_ access: ArchiveAccess = .createIfMissing, limits: ArchiveLimits = ArchiveLimits()) async throws -> Archive {
            let archive = try await Archive(store, access: access, limits: limits)
            // Creates partitions for the times that the tests use.
            for start in [1_600_000_000_000, 1_700_000_000_000] as [Int64] where access != .readOnly {
                try await archive.preparePartitions(for: Instant(ms: start)...Instant(ms: start + 86_400_000))
            }
            return archive
        }
    }

    package let location = Location()
    package let now = Instant(ms: 1_700_000_000_000)
    private var hasSchema = false

    package init() {}

    deinit {
        try? FileManager.default.removeItem(atPath: location.folder)
        if hasSchema, let server = Self.server { try? PostgresConnection(server, name: "test").execute("DROP SCHEMA \(location.name) CASCADE") }
    }

    /// Makes the schema for the archive's tables.
    package func prepare() throws {
        guard let server = Self.server, !hasSchema else { return }
        try PostgresConnection(server, name: "test").execute("CREATE SCHEMA \(location.name)")
        hasSchema = true
    }

    package func open(_ access: ArchiveAccess = .createIfMissing, limits: ArchiveLimits = ArchiveLimits()) async throws -> Archive {
        try prepare()
        return try await location.open(access, limits: limits)
    }

    package func device(_ archive: Archive, _ name: String = "church") async throws -> Int64 {
        let name = try #require(DeviceID(name))
        _ = try await archive.addDevice(name, by: .named("nina"), now: now)
        return try #require(try await archive.device(named: name)).id
    }

    package func batch(_ sequences: ClosedRange<Int64>, value: Int32 = 45_000, epoch: UInt64 = 5) throws -> Batch {
        let air = try #require(SensorName("air"))
        let rows = sequences.map {
            Batch.Row.reading(sensor: 0, Reading(takenAt: Instant(ms: 1_600_000_200_000 + $0 * 60_000), humidityMpct: value + Int32($0)))
        }
        return Batch(epoch: Epoch(bits: epoch), first: sequences.lowerBound, sensors: [air], rows: rows)
    }

    package func ingest(_ archive: Archive, _ device: Int64, _ batches: Batch...) async throws -> [BatchAcknowledgement] {
        try await submit(archive, batches.map { .batch(try BatchArrival(device: device, batch: $0, receivedAt: now)) }).map { outcome in
            let answer: BatchAcknowledgement? = if case .batch(let answer) = try outcome.get() { answer } else { nil }
            return try #require(answer)
        }
    }

    package func submit(_ archive: Archive, _ submissions: [Archive.Submission]) async throws -> [Result<Archive.Receipt, IngestRefusal>] {
        try await archive.ingest(submissions, next: BatchAcknowledgement.Pacing(delayMs: 0, maxReadings: 5_000, maxBytes: 1 << 20))
    }

    /// Ingests a device report without rows.
    package func report(_ archive: Archive, _ device: Int64, at now: Instant) async throws {
        let report = DeviceReport(release: nil, backlog: 0, evicted: 0, refused: 0, clock: .synchronised, scores: [])
        let batch = Batch(epoch: Epoch(bits: 5), first: 1, sensors: [], rows: [], report: report)
        _ = try await submit(archive, [.batch(try BatchArrival(device: device, batch: batch, receivedAt: now))]).map { try $0.get() }
    }

    /// Derives everything that is pending, in small steps.
    package func derive(_ archive: Archive, limit: Int = 7) async throws {
        while try await archive.apply(archive.nextDerivationStep(limit: limit)) {}
    }

}

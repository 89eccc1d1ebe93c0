@testable import Archive
import ArchiveExamples
import Measures
import Runtime
import Testing
import Wire

/// Tests of an archive whose batches from the first half of 2026 are deleted.
protocol RetentionExamples {
    var place: TemporaryArchive { get }
}

extension RetentionExamples {
    var february: Instant { Instant(ms: 1_769_904_000_000) }  // 2026-02-01
    var april: Instant { Instant(ms: 1_775_001_600_000) }  // 2026-04-01
    var lateJune: Instant { Instant(ms: 1_782_777_600_000) }  // 2026-06-30

    func at(_ days: Int64) -> Instant { february + .seconds(days * 86_400) }

    /// An archive with the partitions of the year 2026.
    func open() async throws -> Archive {
        let archive = try await place.open()
        try await archive.preparePartitions(for: february...lateJune)
        return archive
    }

    /// Makes a batch of the sensor "air" with one reading a minute. The first reading is taken at `start`.
    func batch(_ sequences: ClosedRange<Int64>, from start: Instant, epoch: UInt64 = 5, value: Int32 = 40_000) throws -> Batch {
        let air = try #require(SensorName("air"))
        let rows = sequences.map { sequence in
            Batch.Row.reading(
                sensor: 0,
                Reading(
                    takenAt: start + .seconds((sequence - sequences.lowerBound) * 60), humidityMpct: value + Int32(sequence * 37 % 900),
                    temperatureMc: 20_000 + Int32(sequence % 7)))
        }
        return Batch(epoch: Epoch(bits: epoch), first: sequences.lowerBound, sensors: [air], rows: rows)
    }

    @discardableResult
    func send(_ archive: Archive, _ device: Int64, _ batch: Batch, at now: Instant) async throws -> BatchAcknowledgement {
        let outcomes = try await place.submit(archive, [.batch(try BatchArrival(device: device, batch: batch, receivedAt: now))])
        guard case .batch(let answer) = try #require(outcomes.first).get() else { throw CancellationError() }
        return answer
    }

    /// Stores and derives 100 readings on each of three days: 1, 40 and 70 days after 1 February.
    func fill(_ archive: Archive) async throws -> Int64 {
        let device = try await place.device(archive)
        for (index, day) in [Int64(1), 40, 70].enumerated() {
            let first = Int64(index) * 100 + 1
            try await send(archive, device, batch(first...(first + 99), from: at(day)), at: at(day) + .seconds(7_200))
        }
        try await place.derive(archive)
        return device
    }

    func deleteBatches(_ archive: Archive, before cutoff: Instant) async throws {
        try await Retention(archive: archive, keep: nil, log: Log("test")).deleteBatches(before: cutoff)
    }
}

extension Archive {
    func believedNow() throws -> Instant { Instant(ms: try database.integer("SELECT now_ms FROM retention") ?? 0) }
    func phase(_ device: Int64) throws -> Int64 {
        try database.integer("SELECT phase FROM device_log WHERE device = ?", device) ?? -1
    }
    func readingsInBins() throws -> Int64 {
        try database.integer("SELECT CAST(SUM(readings) AS BIGINT) FROM observation_bin") ?? 0
    }
    func batchCount() throws -> Int64 { try count("batch") }
    func count(_ table: String) throws -> Int64 { try database.integer("SELECT COUNT(*) FROM \(table)") ?? 0 }
}

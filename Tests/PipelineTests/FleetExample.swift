import Archive
import ArchiveExamples
import Foundation
import Measures
import Testing
import Wire

/// An archive of its own, with devices that send readings.
final class FleetExample {
    let place = TemporaryArchive()
    private var sent: [DeviceID: Int64] = [:]

    func open(_ access: ArchiveAccess = .createIfMissing) async throws -> Archive { try await place.open(access) }

    func addDevice(_ archive: Archive, _ name: String, at now: Instant) async throws -> DeviceID {
        let name = try #require(DeviceID(name))
        _ = try await archive.addDevice(name, by: .named("nina"), now: now)
        return name
    }

    /// Sends readings of the sensor air, ten minutes apart, the last one at `now`, and derives their observations.
    func send(_ archive: Archive, _ name: DeviceID, count: Int64 = 1, at now: Instant) async throws {
        let device = try #require(try await archive.device(named: name)).id
        let air = try #require(SensorName("air"))
        let first = sent[name, default: 0] + 1
        sent[name] = first + count - 1
        let rows = (0..<count).map {
            Batch.Row.reading(
                sensor: 0, Reading(takenAt: Instant(ms: now.ms - (count - 1 - $0) * 600_000), humidityMpct: Int32(45_000 + $0 % 500)))
        }
        let arrival = try BatchArrival(
            device: device, batch: Batch(epoch: Epoch(bits: 5), first: first, sensors: [air], rows: rows), receivedAt: now)
        for outcome in try await archive.ingest([.batch(arrival)], next: BatchAcknowledgement.Pacing(delayMs: 0, maxReadings: 1, maxBytes: 1)) {
            _ = try outcome.get()
        }
        while try await archive.apply(archive.nextDerivationStep()) {}
    }
}

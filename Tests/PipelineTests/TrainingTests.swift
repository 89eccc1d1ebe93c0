internal import Forecasting

import Archive
import Examples
import Foundation
import Measures
import Observing
@testable import Pipeline
import Releases
import Signing
import Testing
import Text
internal import TrustedReleases
import Wire

@Suite struct TrainingTests {
    private let folder = FileManager.default.temporaryDirectory.path + "/vaho-pipeline-\(UInt64.random(in: 0...(.max)))"
    private let now = Instant(ms: 1_795_000_000_000)

    private static let recordings = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/../../deploy/demo"

    /// Sends a recording of the demonstration as a device would.
    private func send(_ archive: Archive, _ recording: String) async throws {
        let name = try #require(DeviceID(recording))
        _ = try await archive.addDevice(name, now: now)
        let device = try #require(try await archive.device(named: name)).id
        let lines = try String(contentsOfFile: "\(Self.recordings)/\(recording).csv", encoding: .utf8).split(separator: "\n")
        let format = try SeriesCSV(header: lines[0])
        let rows = try lines.dropFirst().map { line -> Batch.Row in
            let row = try format.row(line, line: 0)
            return .reading(
                sensor: 0,
                Reading(
                    takenAt: Instant(ms: row.takenAtMs), humidityMpct: row.humidityPct.flatMap(Milli.rounded),
                    temperatureMc: row.temperatureC.flatMap(Milli.rounded)))
        }
        for start in stride(from: 0, to: rows.count, by: 5_000) {
            let batch = Batch(
                epoch: Epoch(bits: 5), first: Int64(start + 1), sensors: [try #require(SensorName("air"))],
                rows: Array(rows[start..<min(rows.count, start + 5_000)]))
            let arrival = try BatchArrival(device: device, batch: batch, receivedAt: now)
            for outcome in try await archive.ingest([.batch(arrival)], next: BatchAcknowledgement.Pacing(delayMs: 0, maxReadings: 1, maxBytes: 1)) {
                _ = try outcome.get()
            }
            while try await archive.apply(archive.nextDerivationStep()) {}
        }
    }

    @Test(.timeLimit(.minutes(3)))
    func `a run on real recordings publishes a signed release, a repeated run changes nothing, and the key stays private`() async throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        _ = try ReleaseSigner(folder: folder)
        let archive = try await Archive(folder: folder)
        let training = Training(archive: archive, reader: archive)
        try await send(archive, "attic")
        #expect(try await training.run(cause: "manual", now: now).outcome != .too_little_data)
        for recording in ["airport", "bathroom"] { try await send(archive, recording) }
        let result = try await training.run(cause: "manual", now: now + .seconds(1))
        #expect(result.outcome == .promoted, "\(result.detail)")
        let name = try #require(result.release)
        #expect(name.counter >= 1_795_000_001)
        #expect(try await archive.releaseName(alias: Archive.championAlias) == name)

        let bytes = try #require(try await archive.releaseBytes(counter: name.counter))
        let signer = try ReleaseSigner(folder: folder)
        let trust = ReleaseTrust.signed(by: [signer.publicKey])
        let release = try trust.open(bytes, ReleaseVerification.Requirements(sha256: name.sha256, lastAcceptedCounter: 0))
        #expect(release.header.provenance.backtest == result.detail)
        let mode = try FileManager.default.attributesOfItem(atPath: signer.path)[.posixPermissions] as? Int
        #expect(mode == 0o600)

        #expect(try await training.run(cause: "manual", now: now + .seconds(2)).outcome == .unchanged)
        #expect(try await archive.runs(limit: 9).first?.release == name.counter)

        // The cloud forecasts with the release on demand.
        let sensor = try #require(try await archive.sensors().first { $0.device.name == "airport" })
        let forecast = try #require(try await FleetForecasts(reader: archive).forecast(sensor))
        #expect(forecast.release == name)
        #expect(forecast.forecast.method == .network)
    }

    @Test(.timeLimit(.minutes(3))) func `the first training of a fleet starts from the shipped release and must beat it`() async throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        _ = try ReleaseSigner(folder: folder)
        let archive = try await Archive(folder: folder)
        let pretrained = try #require(try PretrainedNetwork(path: Self.recordings + "/../pretrained.vaho"))
        for recording in ["airport", "attic", "bathroom"] { try await send(archive, recording) }
        let result = try await Training(archive: archive, reader: archive, pretrained: pretrained).run(cause: "manual", now: now)
        // The shipped release was trained on the first part of these series; the rest does not improve it by half a percent.
        #expect(result.outcome == .champion_kept, "\(result.detail)")
    }

    @Test func `a run without data says how much data is missing`() async throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        _ = try ReleaseSigner(folder: folder)
        let archive = try await Archive(folder: folder)
        let result = try await Training(archive: archive, reader: archive).run(cause: "manual", now: now)
        #expect(result.outcome == .too_little_data)
        #expect(result.detail.contains("0 days, about 14"))
    }

    @Test func `a damaged key is an error and is not replaced`() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try "not a key".write(toFile: folder + "/release-signing.key", atomically: true, encoding: .utf8)
        let error = #expect(throws: SigningError.self) { try ReleaseSigner(folder: folder) }
        #expect(error?.description.contains("expected 64 hexadecimal digits") == true)
        #expect(try String(contentsOfFile: folder + "/release-signing.key", encoding: .utf8) == "not a key")
    }
}

@Suite struct ReleaseSignerTests {
    @Test(.timeLimit(.minutes(1))) func `concurrent creation of the key gives every caller the same key`() async throws {
        let folder = FileManager.default.temporaryDirectory.path + "/vaho-signer-\(UInt64.random(in: 0...(.max)))"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let keys = try await withThrowingTaskGroup(of: String.self) { group in
            for _ in 0..<16 { group.addTask { try ReleaseSigner(folder: folder).publicKey.hexadecimal } }
            return try await group.reduce(into: Set<String>()) { $0.insert($1) }
        }
        #expect(keys.count == 1)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["release-signing.key"])
    }
}

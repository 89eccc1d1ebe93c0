internal import Forecasting

import Archive
import ArchiveExamples
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
    private let place = TemporaryArchive()
    private var keyFile: String { place.location.keyFile }
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
        let archive = try await place.open()
        _ = try await ReleaseSigner(of: archive, keyFile: keyFile)
        let training = Training(archive: archive, reader: archive, keyFile: keyFile)
        try await send(archive, "attic")
        #expect(try await training.run(cause: "manual", now: now).outcome != .too_little_data)
        for recording in ["airport", "bathroom"] { try await send(archive, recording) }
        let result = try await training.run(cause: "manual", now: now + .seconds(1))
        #expect(result.outcome == .promoted, "\(result.detail)")
        let name = try #require(result.release)
        #expect(name.counter >= 1_795_000_001)
        #expect(try await archive.releaseName(alias: Archive.championAlias) == name)

        let bytes = try #require(try await archive.releaseBytes(counter: name.counter))
        let signer = try ReleaseSigner(keyFile: keyFile)
        let trust = ReleaseTrust.signed(by: [signer.publicKey])
        let release = try trust.open(bytes, ReleaseVerification.Requirements(sha256: name.sha256, lastAcceptedCounter: 0))
        #expect(result.detail.hasSuffix(release.header.provenance.backtest))
        let mode = try FileManager.default.attributesOfItem(atPath: keyFile)[.posixPermissions] as? Int
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
        let archive = try await place.open()
        _ = try await ReleaseSigner(of: archive, keyFile: keyFile)
        let pretrained = try #require(try PretrainedNetwork(path: Self.recordings + "/../pretrained.vaho"))
        for recording in ["airport", "attic", "bathroom"] { try await send(archive, recording) }
        let result = try await Training(archive: archive, reader: archive, keyFile: keyFile, pretrained: pretrained).run(cause: "manual", now: now)
        // The shipped release was trained on the first part of these series; the rest does not improve it by half a percent.
        #expect(result.outcome == .champion_kept, "\(result.detail)")
    }

    @Test func `a run without data says how much data is missing`() async throws {
        let archive = try await place.open()
        _ = try await ReleaseSigner(of: archive, keyFile: keyFile)
        let result = try await Training(archive: archive, reader: archive, keyFile: keyFile).run(cause: "manual", now: now)
        #expect(result.outcome == .too_little_data)
        #expect(result.detail.contains("0 days, about 14"))
    }
}

import Foundation
import HTTPClient
import Measures
import Testing
import Text
import Wire

extension Cloud {
    private static let recordings = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/../../deploy/demo"

    /// Sends a recording of the demonstration as a device would.
    /// - Parameter token: of a device with the recording's name; `nil` adds the device.
    func send(_ recording: String, token: String? = nil) async throws {
        let token = try token ?? add(recording)
        let lines = try String(contentsOfFile: "\(Cloud.recordings)/\(recording).csv", encoding: .utf8).split(separator: "\n")
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
            let answer = try await request(
                "POST", "/v1/devices/\(recording)/batches",
                headers: [("Authorization", "Bearer \(token)"), ("Content-Type", BatchFormat.mediaType)], body: batch.binary())
            #expect(answer.status == 200)
        }
    }

    /// Sends all recordings of the demonstration, 70 days each, and waits for their observations.
    func sendRecordings(token: (String) throws -> String? = { _ in nil }) async throws {
        for recording in ["airport", "attic", "bathroom"] { try await send(recording, token: token(recording)) }
        _ = try await seen("derived observations") { try await metric("vaho_underived_batches") == 0 ? true : nil }
    }
}

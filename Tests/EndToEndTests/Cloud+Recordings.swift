import Examples
import HTTPClient
import Measures
import Testing
import Wire

extension Cloud {
    /// Sends a recording of the demonstration as a device would.
    /// - Parameter token: of a device with the recording's name; `nil` adds the device.
    func send(_ recording: String, token: String? = nil) async throws {
        let token = try token ?? add(recording)
        for batch in try RecordingBatches.batches(of: recording, sensor: #require(SensorName("air"))) {
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

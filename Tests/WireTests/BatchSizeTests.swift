import Deflate
import Examples
import Foundation
import Measures
import Testing
import Wire

/// The wire size of a reading, measured on the three recordings of the demonstration.
@Suite struct BatchSizeTests {
    private static let demo = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/../../deploy/demo"

    private func rows(_ series: String) throws -> [Batch.Row] {
        let formatter = ISO8601DateFormatter()
        var jitter = Generator(seed: 7)
        return try String(contentsOfFile: "\(Self.demo)/\(series).csv", encoding: .utf8).split(separator: "\n").dropFirst().compactMap { line in
            let fields = line.split(separator: ",", omittingEmptySubsequences: false)
            guard let time = formatter.date(from: String(fields[0])), let humidity = Double(fields[1]) else { return nil }
            // A live sensor is not read exactly on the second, and its host's clock is slewed slightly.
            let ms = Int64(time.timeIntervalSince1970) * 1_000 + jitter.next(below: 12)
            return .reading(
                sensor: 0,
                Reading(
                    takenAt: Instant(ms: ms), humidityMpct: Int32((humidity * 1_000).rounded()),
                    temperatureMc: fields.count > 2 ? Double(fields[2]).map { Int32(($0 * 1_000).rounded()) } : nil, boot: 4_711_000,
                    boottimeMs: ms - 1_300_000_000_000 + jitter.next(below: 2)))
        }
    }

    @Test(arguments: ["airport", "attic", "bathroom"]) func `a reading costs at most 6 bytes in batches of 500`(series: String) throws {
        let rows = try Array(rows(series).prefix(5_000))
        var (bytes, packed) = (0, 0)
        for start in stride(from: 0, to: rows.count, by: 500) {
            let part = Array(rows[start..<min(start + 500, rows.count)])
            let batch = Batch(epoch: Epoch(bits: 1), first: Int64(start + 1), sensors: [sensorName("a")], rows: part)
            bytes += batch.binary().count
            packed += try #require(Deflate.compressed(batch.binary())).count
        }
        print("\(series): \(Double(bytes) / Double(rows.count)) bytes a reading, deflated \(Double(packed) / Double(rows.count))")
        #expect(Double(bytes) / Double(rows.count) <= 6)
    }
}

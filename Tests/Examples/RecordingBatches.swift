internal import Foundation
package import Measures
internal import Text
package import Wire

/// The recordings of the demonstration, 70 days each, as the batches that a device sends.
package enum RecordingBatches {
    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/../../deploy/demo"

    /// - Parameters:
    ///   - recording: airport, attic or bathroom.
    ///   - sensor: the name of the only sensor.
    package static func batches(of recording: String, sensor: SensorName) throws -> [Batch] {
        let lines = try String(contentsOfFile: "\(folder)/\(recording).csv", encoding: .utf8).split(separator: "\n")
        let format = try SeriesCSV(header: lines[0])
        let rows = try lines.dropFirst().map { line -> Batch.Row in
            let row = try format.row(line, line: 0)
            return .reading(
                sensor: 0,
                Reading(
                    takenAt: Instant(ms: row.takenAtMs), humidityMpct: row.humidityPct.flatMap(Milli.rounded),
                    temperatureMc: row.temperatureC.flatMap(Milli.rounded)))
        }
        return stride(from: 0, to: rows.count, by: 5_000).map { start in
            Batch(
                epoch: Epoch(bits: 5), first: Int64(start + 1), sensors: [sensor], rows: Array(rows[start..<min(rows.count, start + 5_000)]))
        }
    }
}

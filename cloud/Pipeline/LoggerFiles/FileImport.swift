package import Archive
package import LoggerFiles
package import Measures
internal import Wire

/// Stores the readings of a logger's file as readings of a device's sensor. A repeated import stores nothing twice.
package struct FileImport: Sendable {
    package private(set) var counts: [Archive.PlainReceipt.Outcome: Int] = [:]

    /// The readings in one transaction: other devices wait for one transaction at most.
    private static let readingsPerStep = 1_000

    /// - Parameter submit: stores readings, as `Archive.ingest` does.
    package init(
        _ rows: [LoggerFile.Row], of device: Archive.Device, _ sensor: SensorName, receivedAt: Instant,
        submit: (Archive.PlainArrival) async throws -> Archive.Receipt
    ) async throws {
        for start in stride(from: 0, to: rows.count, by: FileImport.readingsPerStep) {
            let part = rows[start..<min(rows.count, start + FileImport.readingsPerStep)]
            let arrival = Archive.PlainArrival(
                device: device.id, readings: part.map { SensorReading(sensor: sensor, reading: $0.reading) }, receivedAt: receivedAt, isImported: true
            )
            guard case .plain(let receipt) = try await submit(arrival) else { continue }
            for outcome in receipt.outcomes { counts[outcome, default: 0] += 1 }
        }
    }

    package func count(_ outcome: Archive.PlainReceipt.Outcome) -> Int { counts[outcome] ?? 0 }

    /// A sentence for people.
    package var summary: String {
        func part(_ outcome: Archive.PlainReceipt.Outcome, _ words: String) -> String? { counts[outcome].map { "\($0) \(words)" } }
        return [
            part(.stored, "readings are stored"), part(.duplicate, "were stored before"),
            part(.conflict, "not stored: a stored reading of the same time has another value"),
            part(.unknownSensor, "refused: the device has reached its limit of sensors (VAHO_SENSORS_PER_DEVICE)"),
            part(.tooOld, "refused: older than VAHO_ARCHIVE_RETENTION_DAYS"),
        ].compactMap { $0 }.joined(separator: ", ")
    }
}

package import Measures
internal import Text
internal import Wire

/// Releases that devices used and rejected because of their errors.
extension Archive {
    package struct ReceivedRejection: Sendable, Equatable {
        package let device: DeviceID
        package let counter: UInt64
        package let reason: String
        package let detail: String
        package let at: Instant  // on the device's clock
    }

    /// Stores what the reports say. A report repeats the rejections of earlier reports.
    func recordRejections(_ reports: [(device: Int64, rejections: [ReleaseRejection])], at now: Instant) throws {
        try database.changeEach(
            """
            INSERT INTO release_rejection (device, counter, sha256, reason, detail, at_ms, received_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (device, counter) DO NOTHING
            """,
            reports.flatMap { report in
                report.rejections.map {
                    [
                        .integer(report.device), .integer(Int64(bitPattern: $0.release.counter)), .text(Hexadecimal.text($0.release.sha256)),
                        .text($0.reason.name), .text($0.detail), .integer($0.at.ms), .integer(now.ms),
                    ]
                }
            })
        // Keep only the rows with the highest counters, so that one device cannot fill the table.
        try database.changeEach(
            """
            DELETE FROM release_rejection WHERE device = ?1 AND counter < (
                SELECT counter FROM release_rejection WHERE device = ?1 ORDER BY counter DESC LIMIT 1 OFFSET \(Archive.rejectionsPerDevice - 1))
            """, reports.filter { !$0.rejections.isEmpty }.map { [.integer($0.device)] })
    }
    private static let rejectionsPerDevice = 64

    /// The devices that have rejected a release, in the order of their names.
    package func rejections(of counter: UInt64, limit: Int) throws -> [ReceivedRejection] {
        try database.rows(
            """
            SELECT d.name, r.counter, r.reason, r.detail, r.at_ms FROM release_rejection r
            JOIN release s ON s.counter = r.counter AND s.sha256 = r.sha256 JOIN device d ON d.id = r.device
            WHERE r.counter = ? ORDER BY d.name LIMIT ?
            """, Int64(bitPattern: counter), limit
        ).compactMap { row in
            guard let device = DeviceID(row.text(0)) else { return nil }
            return ReceivedRejection(
                device: device, counter: UInt64(bitPattern: row.integer(1)), reason: row.text(2), detail: row.text(3), at: Instant(ms: row.integer(4))
            )
        }
    }
}

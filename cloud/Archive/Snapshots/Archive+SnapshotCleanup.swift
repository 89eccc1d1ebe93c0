/// Deletes snapshots that nothing needs any more.
extension Archive {
    /// The numbers of deleted snapshots and weeks.
    package struct SnapshotCleanup: Sendable, Equatable {
        package var snapshots = 0
        package var weeks = 0
    }

    /// Deletes snapshots that no release and no unfinished run refers to, and then the packed weeks that belong to no snapshot.
    /// - Parameter kept: the number of newest snapshots that stay in any case.
    /// - Throws: `SnapshotsBusy` if another program makes or deletes snapshots, or packs weeks.
    package func deleteSnapshots(except kept: Int, patience: Duration = .seconds(60)) async throws -> SnapshotCleanup {
        try await claimSnapshots(patience)
        defer { endClaim(.snapshots) }
        var cleanup = SnapshotCleanup()
        // Without its hash a snapshot is incomplete: if the program ends now, the next deletion continues.
        cleanup.snapshots = try database.run(
            """
            UPDATE snapshot SET sha256 = NULL WHERE sha256 IS NOT NULL AND id NOT IN (SELECT id FROM snapshot ORDER BY id DESC LIMIT ?)
            AND sha256 NOT IN (SELECT snapshot FROM release) AND sha256 NOT IN (SELECT snapshot FROM run WHERE ended_at_ms IS NULL)
            """, kept)
        try await deleteIncompleteSnapshots()
        var last: (device: Int64, sensor: Int64) = (-1, -1)
        while let row = try database.row(
            "SELECT device, sensor FROM packed_week WHERE (device, sensor) > (?, ?) ORDER BY device, sensor LIMIT 1", last.device, last.sensor)
        {
            last = (row.integer(0), row.integer(1))
            cleanup.weeks += try deleteUnusedWeeks(of: last.device, last.sensor)
            try Task.checkCancellation()
            await Task.yield()
        }
        return cleanup
    }

    private func deleteUnusedWeeks(of device: Int64, _ sensor: Int64) throws -> Int {
        try database.transaction(.lazy) {
            var used: Set<String> = []
            try database.forEach("SELECT body FROM snapshot_sensor WHERE device = ? AND sensor = ?", device, sensor) { row in
                for week in try SnapshotWeeks(row.bytes(0)).weeks { used.insert(week.sha256) }
            }
            // The newest content of each week stays, because the next snapshot needs it.
            try database.forEach("SELECT sha256 FROM sensor_week WHERE device = ? AND sensor = ?", device, sensor) { used.insert($0.text(0)) }
            let unused = try database.rows("SELECT week, sha256 FROM packed_week WHERE device = ? AND sensor = ?", device, sensor)
                .filter { !used.contains($0.text(1)) }
            try database.changeEach(
                "DELETE FROM packed_week WHERE device = ? AND sensor = ? AND week = ? AND sha256 = ?",
                unused.map { [.integer(device), .integer(sensor), $0[0], $0[1]] })
            return unused.count
        }
    }

    /// In steps, so that the ingest is not blocked for long.
    func deleteIncompleteSnapshots() async throws {
        while let id = try database.integer("SELECT id FROM snapshot WHERE sha256 IS NULL LIMIT 1") {
            var deleted = 0
            repeat {
                deleted = try database.transaction(.lazy) {
                    try database.run(
                        """
                        DELETE FROM snapshot_sensor WHERE snapshot = ?1 AND (device, sensor) IN (
                            SELECT device, sensor FROM snapshot_sensor WHERE snapshot = ?1 LIMIT \(Archive.sensorsPerDeletion))
                        """, id)
                }
                try Task.checkCancellation()
                await Task.yield()
            } while deleted == Archive.sensorsPerDeletion
            try database.run("DELETE FROM snapshot WHERE id = ?", id)
        }
    }
    private static let sensorsPerDeletion = 500
}

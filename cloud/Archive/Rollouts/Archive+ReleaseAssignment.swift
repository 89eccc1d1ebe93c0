internal import Text
package import Wire

/// Which release each device gets: reads the inputs of `ReleaseAssignment`.
extension Archive {
    package func release(for device: Int64) throws -> ReleaseReference? { try releases(for: [device])[device] }

    /// The releases of some devices; devices without a release are left out.
    ///
    /// Called for every group of batches, so most archives, which have neither pins nor rollouts, need one query.
    func releases(for devices: [Int64]) throws -> [Int64: ReleaseReference] {
        // The names of pins begin with `device:` or `tag:`. All of them are between `device:` and `tag;`, because `;` follows `:` in ASCII.
        guard
            let state = try database.row(
                """
                SELECT CASE WHEN EXISTS (SELECT 1 FROM release_stop WHERE ended_at_ms IS NULL) THEN 1 ELSE 0 END,
                    CASE WHEN EXISTS (SELECT 1 FROM alias WHERE name > 'device:' AND name < 'tag;') THEN 1 ELSE 0 END,
                    CASE WHEN EXISTS (SELECT 1 FROM rollout WHERE ended_at_ms IS NULL) THEN 1 ELSE 0 END, r.counter, r.sha256
                FROM (SELECT 1 AS one) o LEFT JOIN alias a ON a.name = 'champion' LEFT JOIN release r ON r.counter = a.counter
                """)
        else { return [:] }
        var assignment = ReleaseAssignment()
        assignment.isStopped = state.integer(0) == 1
        if !state.isNull(3) { assignment.champion = Archive.reference(state, at: 3) }
        if state.integer(2) == 1 { assignment.rollout = try offeredRollout() }
        var found = devices.map { ReleaseAssignment.Device(id: $0) }
        if state.integer(1) == 1 { try readPins(&found) }
        if assignment.rollout?.tags.isEmpty == false {
            let tags = try database.rowsEach("SELECT tag FROM device_tag WHERE device = ?", devices.map { [.integer($0)] })
            for index in found.indices { found[index].tags = Set(tags[index].map { $0.text(0) }) }
        }
        return Dictionary(found.compactMap { device in assignment.release(for: device).map { (device.id, $0) } }) { first, _ in first }
    }

    private func offeredRollout() throws -> ReleaseAssignment.OfferedRollout? {
        try database.row(
            """
            SELECT o.id, o.tags, o.through, r.counter, r.sha256 FROM rollout o JOIN release r ON r.counter = o.release
            WHERE o.ended_at_ms IS NULL AND o.state IN ('running', 'paused')
                AND NOT EXISTS (SELECT 1 FROM release_block b WHERE b.counter = o.release)
            """
        ).flatMap { row in
            guard let release = Archive.reference(row, at: 3) else { return nil }
            return ReleaseAssignment.OfferedRollout(
                id: row.integer(0), tags: Set(row.text(1).split(separator: " ").map(String.init)), through: row.integer(2), release: release)
        }
    }

    private func readPins(_ devices: inout [ReleaseAssignment.Device]) throws {
        let pins = try database.rowsEach(
            """
            SELECT a.name, r.counter, r.sha256 FROM alias a JOIN release r ON r.counter = a.counter
            WHERE a.name = (SELECT 'device:' || name FROM device WHERE id = ?1) OR a.name IN (SELECT 'tag:' || tag FROM device_tag WHERE device = ?1)
            ORDER BY a.name
            """, devices.map { [.integer($0.id)] })
        for index in devices.indices {
            for row in pins[index] {
                if row.text(0).hasPrefix("device:") {
                    devices[index].ownPin = Archive.reference(row, at: 1)
                } else if devices[index].tagPin == nil {
                    devices[index].tagPin = Archive.reference(row, at: 1)
                }
            }
        }
    }
}

package import Measures
internal import Text
internal import Wire

/// Which release was in use, where, since when, and why.
extension Archive {
    package struct AliasChange: Sendable {
        package let id: Int64  // rises with each change; of a rollout that gave the release: the rollout's id
        package let at: Instant
        package let alias: String
        package let counter: UInt64?  // `nil`: the alias was removed
        package let author: String
        package let reason: String
    }

    /// Changes of aliases, newest first.
    /// - Parameters:
    ///   - alias: `nil`: of all aliases.
    ///   - id: only changes with a lower id.
    package func aliasHistory(of alias: ReleaseAlias? = nil, before id: Int64? = nil, limit: Int) throws -> [AliasChange] {
        try changes(
            "WHERE id < ?" + (alias == nil ? "" : " AND name = ?"), [.integer(id ?? .max)] + (alias.map { [.text($0.name)] } ?? []), limit)
    }

    private func changes(_ condition: String, _ values: [DatabaseValue], _ limit: Int) throws -> [AliasChange] {
        try database.rows(
            "SELECT id, at_ms, name, counter, author, reason FROM alias_history \(condition) ORDER BY id DESC LIMIT ?",
            values + [.integer(Int64(limit))]
        ).map { row in
            AliasChange(
                id: row.integer(0), at: Instant(ms: row.integer(1)), alias: row.text(2),
                counter: row.optionalInteger(3).map { UInt64(bitPattern: $0) }, author: row.text(4), reason: row.text(5))
        }
    }

    /// A release that a device reported as the one it forecasts with.
    package struct DeviceRelease: Sendable {
        package let since: Instant
        package let counter: UInt64?  // `nil`: the device forecast without a release
        package let sha256: String
        /// The change of an alias, or the rollout, by which the device was given this release; `nil` for the shipped release.
        package let assignment: AliasChange?
    }

    /// The release that a device forecast with at an instant, and the reason why the device had it.
    ///
    /// The device's own reports say what it forecast with. The assignment is found through the history of the aliases, and of tags through the device's
    /// present tags, because old tags are not stored.
    /// - Returns: `nil` if the device had not reported yet.
    package func release(on device: Device, at instant: Instant) throws -> DeviceRelease? {
        guard
            let row = try database.row(
                "SELECT since_ms, counter, sha256 FROM device_release WHERE device = ? AND since_ms <= ? ORDER BY since_ms DESC LIMIT 1", device.id,
                instant.ms)
        else { return nil }
        let since = Instant(ms: row.integer(0))
        var assignment: AliasChange?
        if let counter = row.optionalInteger(1) {
            assignment = try changes(
                """
                WHERE counter = ? AND at_ms <= ? AND (name IN ('champion', ?) OR name IN (SELECT 'tag:' || tag FROM device_tag WHERE device = ?))
                """, [.integer(counter), .integer(since.ms), .text(ReleaseAlias.device(device.name).name), .integer(device.id)], 1
            ).first
            if assignment == nil { assignment = try rollout(giving: counter, by: since) }
        }
        return DeviceRelease(
            since: since, counter: row.optionalInteger(1).map { UInt64(bitPattern: $0) }, sha256: row.text(2), assignment: assignment)
    }

    /// The rollout that gave devices a release before the release had an alias.
    private func rollout(giving counter: Int64, by instant: Instant) throws -> AliasChange? {
        try database.row(
            "SELECT created_at_ms, id, release, author, cause FROM rollout WHERE release = ? AND created_at_ms <= ? ORDER BY id DESC LIMIT 1",
            counter,
            instant.ms
        ).map { row in
            AliasChange(
                id: row.integer(1), at: Instant(ms: row.integer(0)), alias: "rollout \(row.integer(1))", counter: UInt64(bitPattern: row.integer(2)),
                author: row.text(3),
                reason: row.text(4))
        }
    }

    /// Adds an entry for each device that forecasts with another release than at its last report. A device that changes its release all the time
    /// keeps its newest entries only.
    func recordReleases(_ reports: [(device: Int64, release: ReleaseReference?, at: Instant)]) throws {
        let last = try database.rowsEach(
            "SELECT counter, sha256 FROM device_release WHERE device = ? ORDER BY since_ms DESC LIMIT 1", reports.map { [.integer($0.device)] })
        let changed = zip(reports, last).compactMap { report, rows -> [DatabaseValue]? in
            let counter = report.release.map { Int64(bitPattern: $0.counter) }
            let sha256 = report.release.map { Hexadecimal.text($0.sha256) } ?? ""
            if let row = rows.first, row.optionalInteger(0) == counter, row.text(1) == sha256 { return nil }
            return [.integer(report.device), .integer(report.at.ms), counter.databaseValue, .text(sha256)]
        }
        try database.changeEach(
            """
            INSERT INTO device_release (device, since_ms, counter, sha256) VALUES (?, ?, ?, ?)
            ON CONFLICT (device, since_ms) DO UPDATE SET counter = excluded.counter, sha256 = excluded.sha256
            """, changed)
        try database.changeEach(
            """
            DELETE FROM device_release WHERE device = ?1 AND since_ms < (
                SELECT since_ms FROM device_release WHERE device = ?1 ORDER BY since_ms DESC LIMIT 1 OFFSET \(Archive.releaseChangesPerDevice - 1))
            """, changed.map { [$0[0]] })
    }
    private static let releaseChangesPerDevice = 1_000
}

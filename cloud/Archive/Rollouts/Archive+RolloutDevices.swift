package import Measures
internal import Text
package import Wire

/// The devices of a rollout, and what they report.
extension Archive {
    /// The devices that a rollout can reach: not revoked, not excluded by a pin, and able to run releases.
    package struct RolloutDevices: Sendable, Equatable {
        package fileprivate(set) var places: [Int64] = []  // of all devices, also of those without contact
        package fileprivate(set) var reached: Set<Int64> = []  // ids of the reached devices that had contact lately
        package fileprivate(set) var reporting = 0  // of the reached devices, those that report the release
        package fileprivate(set) var notReporting: [Int64] = []  // the first of the other reached devices

        /// The place up to which there are `count` devices.
        package func place(of count: Int) -> Int64 { count > 0 && count <= places.count ? places.sorted()[count - 1] : RolloutPlace.last }

        fileprivate mutating func add(_ device: Int64, isHeard: Bool, reports: Bool, _ rollout: Rollout) {
            let place = RolloutPlace.of(device, in: rollout.id)
            places.append(place)
            guard isHeard, place <= rollout.through else { return }
            reached.insert(device)
            if reports { reporting += 1 } else if notReporting.count < 100 { notReporting.append(device) }
        }
    }

    private static let rolloutDevicesPerPage: Int64 = 500

    /// - Parameter instant: devices with an earlier last contact are ignored.
    package func rolloutDevices(of rollout: Rollout, since instant: Instant) async throws -> RolloutDevices {
        let sha256 = try release(counter: rollout.release).map { Hexadecimal.text($0.name.sha256) } ?? ""
        let marks = Array(repeating: "?", count: rollout.tags.count).joined(separator: ", ")
        let selection =
            rollout.tags.isEmpty
            ? "NOT EXISTS (SELECT 1 FROM device_tag t JOIN alias a ON a.name = 'tag:' || t.tag WHERE t.device = d.id)"
            : "EXISTS (SELECT 1 FROM device_tag t WHERE t.device = d.id AND t.tag IN (\(marks)))"
        var found = RolloutDevices()
        var last: Int64 = -1
        while true {
            let rows = try database.rows(
                """
                SELECT d.id, r.counter, r.sha256, d.last_seen_at_ms FROM device d JOIN device_release r ON r.device = d.id
                WHERE d.id > ? AND d.revoked_at_ms IS NULL
                    AND r.since_ms = (SELECT MAX(n.since_ms) FROM device_release n WHERE n.device = d.id)
                    AND NOT EXISTS (SELECT 1 FROM alias p WHERE p.name = 'device:' || d.name) AND \(selection) ORDER BY d.id LIMIT ?
                """, [.integer(last)] + rollout.tags.map { .text($0) } + [.integer(Archive.rolloutDevicesPerPage)])
            for row in rows {
                last = row.integer(0)
                found.add(
                    last, isHeard: row.integer(3) >= instant.ms,
                    reports: row.optionalInteger(1) == Int64(bitPattern: rollout.release) && row.text(2) == sha256, rollout)
            }
            guard rows.count == Int(Archive.rolloutDevicesPerPage) else { return found }
            try Task.checkCancellation()
            await Task.yield()
        }
    }

    /// The reasons why devices refused the release of a rollout, for at most 100 devices.
    /// - Parameter devices: the reached devices that do not report the release.
    package func refusals(of devices: some Collection<Int64>) throws -> [(device: String, reason: String)] {
        try devices.prefix(100).compactMap { device in
            guard let row = try database.row("SELECT name, report FROM device WHERE id = ?", device), !row.isNull(1),
                let refusal = try? ReportCoding.report(row.bytes(1)[...]).releaseRefusal
            else { return nil }
            return (row.text(0), refusal)
        }
    }

    /// The number of devices that have rejected the release of a rollout.
    /// - Parameter instant: devices with an earlier last contact are ignored.
    package func rejectingDevices(of rollout: Rollout, since instant: Instant) throws -> Int {
        try release(counter: rollout.release).map { try rejectingDevices(of: $0.name, since: instant) } ?? 0
    }

    package func rejectingDevices(of release: ReleaseReference, since instant: Instant) throws -> Int {
        Int(
            try database.integer(
                """
                SELECT COUNT(*) FROM release_rejection r JOIN device d ON d.id = r.device
                WHERE r.counter = ? AND r.sha256 = ? AND d.revoked_at_ms IS NULL AND d.last_seen_at_ms >= ?
                """, Int64(bitPattern: release.counter), Hexadecimal.text(release.sha256), instant.ms) ?? 0)
    }

    /// The number of devices that run releases.
    /// - Parameter instant: devices with an earlier last contact are ignored.
    package func devicesHeard(since instant: Instant) throws -> Int {
        Int(
            try database.integer(
                """
                SELECT COUNT(*) FROM device d WHERE d.last_seen_at_ms >= ? AND d.revoked_at_ms IS NULL
                    AND EXISTS (SELECT 1 FROM device_release r WHERE r.device = d.id)
                """, instant.ms) ?? 0)
    }
}

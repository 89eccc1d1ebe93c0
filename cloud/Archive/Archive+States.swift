package import Measures
internal import Wire

/// The states of devices and sensors. Judging a device means computing and storing its state. A device is judged only when something about the device
/// changes, so that lists and counts of a large fleet do not judge every device.
extension Archive {
    /// Everything that a device's state depends on.
    struct DeviceFacts {
        var device: Device
        var report: DeviceReport?
        var refusal: (at: Instant, detail: String)?
        var silentSince: Instant?  // start of the active silence alarm
        var duplicateHostSince: Instant?  // start of the active alarm about two hosts
        var isOverQuota: Bool
    }

    /// How long a device counts as refused after its last refused request: longer than the longest pause between two attempts of a device.
    private static let refusalMemory: Duration = .seconds(2 * 900 + 60)
    private static let stateUpdatesPerTransaction = 1_000  // the most devices that one transaction judges
    static let refusalDetailLimit = 200  // bytes of UTF-8

    static func condition(_ facts: DeviceFacts, now: Instant) -> DeviceCondition {
        let (device, seenAt) = (facts.device, facts.device.lastSeenAt)
        if let revokedAt = device.revokedAt { return DeviceCondition(.revoked, since: revokedAt) }
        let isUnheard = seenAt == nil || facts.silentSince != nil
        if isUnheard, let refusal = facts.refusal, now - refusal.at <= refusalMemory, refusal.at > seenAt ?? Instant(ms: .min) {
            return DeviceCondition(.refused, since: seenAt, detail: refusal.detail)
        }
        if facts.isOverQuota { return DeviceCondition(.refused, since: seenAt, detail: "the device has reached its storage limit for today") }
        guard seenAt != nil else { return DeviceCondition(.silent, since: device.createdAt, detail: "the device has never sent anything") }
        if let since = facts.silentSince { return DeviceCondition(.silent, since: since, detail: "no contact since then") }
        if let since = facts.duplicateHostSince {
            return DeviceCondition(.duplicate, since: since, detail: "two hosts send as this device: give one a name and a token of its own")
        }
        if facts.report?.clock == .unknown {
            return DeviceCondition(.clockUnset, detail: "its clock has not been set since it started: times of its readings are guesses")
        }
        return .ok
    }

    func facts(_ device: Device, report: DeviceReport?, now: Instant) throws -> DeviceFacts {
        var facts = DeviceFacts(device: device, report: report, isOverQuota: try bytesStored(device.id, now.ms / 86_400_000) >= limits.bytesPerDay)
        if let row = try database.row("SELECT refused_at_ms, refused_detail FROM device WHERE id = ?", device.id), let at = row.optionalInteger(0) {
            facts.refusal = (Instant(ms: at), row.text(1))
        }
        for row in try database.rows("SELECT kind, since_ms FROM alarm WHERE device = ? AND ended_at_ms IS NULL", device.id) {
            switch Alarm.Kind(rawValue: row.text(0)) {
            case .silent: facts.silentSince = Instant(ms: row.integer(1))
            case .duplicateHost: facts.duplicateHostSince = Instant(ms: row.integer(1))
            case nil: break
            }
        }
        return facts
    }

    /// Records that a request under this device name was refused. Anybody can send requests under any name, so the device counts as refused only if
    /// the device itself sends nothing.
    package func recordRefusal(of name: DeviceID, detail: String, now: Instant) throws {
        try database.run(
            "UPDATE device SET refused_at_ms = ?, refused_detail = ?, judge_due = 1 WHERE name = ?", now.ms,
            detail.truncated(toBytes: Archive.refusalDetailLimit), name.name)
    }

    /// Stores the sensor states that devices report. The state of a sensor that is not in its device's report is cleared.
    /// - Returns: the devices of which a state has changed.
    func saveReportedStates(_ reports: [(device: Int64, report: DeviceReport)]) throws -> Set<Int64> {
        var devices: Set<Int64> = []
        var changed: [[DatabaseValue]] = []
        let sensors = try database.rowsEach("SELECT id, name, reported FROM sensor WHERE device = ?", reports.map { [.integer($0.device)] })
        for ((device, report), rows) in zip(reports, sensors) {
            var states: [String: Int64] = [:]
            for sensor in report.sensors { states[sensor.sensor.name] = Int64(sensor.condition.state.rawValue) }
            for row in rows {
                let state = states[row.text(1)]
                guard state != row.optionalInteger(2) else { continue }
                changed.append([state.databaseValue, .integer(row.integer(0))])
                devices.insert(device)
            }
        }
        try database.changeEach("UPDATE sensor SET reported = ? WHERE id = ?", changed)
        return devices
    }

    // MARK: periodic update

    /// Finds sensors that have become quiet or active again, and judges every device that has changed.
    package func updateDeviceStates(now: Instant) throws {
        try database.transaction {
            for (isQuiet, comparison) in [(Int64(1), "<"), (0, ">=")] {
                // Replays are excluded: their times are not wall-clock times. The first condition is a constant bound that uses the index; the
                // second applies the sensor's own step (10 minutes or an hour).
                let steps: Int64 = Int64(SensorState.stalePeriods) * (isQuiet == 1 ? 600 : 3_600) * 1_000
                let changed = try database.rows(
                    """
                    UPDATE sensor SET quiet = ?1 WHERE id IN (
                        SELECT id FROM sensor WHERE quiet = \(1 - isQuiet) AND kind <> 'replay' AND last_at_ms \(comparison) ?2
                            AND last_at_ms \(comparison) ?3 - \(SensorState.stalePeriods * 1_000) * step_s LIMIT \(Archive.stateUpdatesPerTransaction))
                    RETURNING device
                    """, isQuiet, now.ms - steps, now.ms)
                for device in Set(changed.map { $0.integer(0) }) { try database.run("UPDATE device SET judge_due = 1 WHERE id = ?", device) }
            }
            for device in try ids("SELECT id FROM device WHERE judge_due = 1 LIMIT \(Archive.stateUpdatesPerTransaction)") {
                try updateState(device, now: now)
            }
            // A refusal expires without an event, so refused devices are judged again in every call, at most `stateUpdatesPerTransaction` of them.
            let refused = try ids(
                """
                SELECT id FROM device WHERE severity_rank = \(Severity.rank(DeviceState.refused)) AND id > \(lastRefusedUpdated)
                ORDER BY id LIMIT \(Archive.stateUpdatesPerTransaction)
                """)
            for device in refused { try updateState(device, now: now) }
            lastRefusedUpdated = refused.count == Archive.stateUpdatesPerTransaction ? refused.last ?? 0 : 0
        }
    }

    private func ids(_ sql: String) throws -> [Int64] {
        var ids: [Int64] = []
        for row in try database.rows(sql) { ids.append(row.integer(0)) }
        return ids
    }

    private func updateState(_ id: Int64, now: Instant) throws {
        guard let row = try database.row("SELECT \(Archive.deviceColumns), report FROM device WHERE id = ?", id), let device = Archive.device(row)
        else {
            try database.run("UPDATE device SET judge_due = 0 WHERE id = ?", id)  // the name is not valid: the row was edited or is damaged
            return
        }
        let report = row.isNull(5) ? nil : try? ReportCoding.report(row.bytes(5)[...])
        let state = Archive.condition(try facts(device, report: report, now: now), now: now).state
        var rank = Severity.rank(state)
        if state != .revoked {
            for row in try database.rows(
                "SELECT DISTINCT \(Archive.sensorState) FROM sensor s WHERE s.device = ? AND \(Archive.isShown)", id)
            {
                rank = min(rank, Severity.rank(SensorState(rawValue: UInt8(truncatingIfNeeded: row.integer(0))) ?? .ok))
            }
        }
        try database.run("UPDATE device SET state = ?, severity_rank = ?, judge_due = 0 WHERE id = ?", Int64(state.rawValue), Int64(rank), id)
    }

    /// A sensor's state in SQL: the state that the device reports, else the state from its observations; `stale` if the sensor is quiet.
    static let sensorState =
        "(CASE WHEN (s.quiet = 1 OR (s.last_at_ms IS NULL AND s.reported IS NULL)) AND COALESCE(s.reported, s.observed) < \(SensorState.stale.rawValue) THEN \(SensorState.stale.rawValue) "
        + "ELSE COALESCE(s.reported, s.observed) END)"

    // MARK: counts

    package struct StateCounts: Sendable {
        package var devices: [DeviceState: Int64] = [:]
        package var sensors: [SensorState: Int64] = [:]
    }

    /// Counts that are at most two seconds old: every open page requests them.
    package func stateCounts() throws -> StateCounts {
        if let known = cachedStateCounts, known.at > .now - .seconds(2) { return known.counts }
        let counts = try countStates()
        cachedStateCounts = (counts, .now)
        return counts
    }

    func countStates() throws -> StateCounts {
        var counts = StateCounts()
        for row in try database.rows("SELECT state, COUNT(*) FROM device GROUP BY state") {
            if let state = DeviceState(rawValue: Int(row.integer(0))) { counts.devices[state] = row.integer(1) }
        }
        for row in try database.rows(
            """
            SELECT \(Archive.sensorState), COUNT(*) FROM sensor s JOIN device d ON d.id = s.device
            WHERE d.revoked_at_ms IS NULL AND \(Archive.isShown) GROUP BY 1
            """
        ) {
            if let state = SensorState(rawValue: UInt8(truncatingIfNeeded: row.integer(0))) {
                counts.sensors[state, default: 0] += row.integer(1)
            }
        }
        return counts
    }
}

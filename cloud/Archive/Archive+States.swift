package import Measures
internal import SQLite
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
        var select = try database.prepare("SELECT refused_at_ms, refused_detail FROM device WHERE id = ?")
        try select.bind(device.id, at: 1)
        if try select.step(), let at = select.optionalInteger(0) { facts.refusal = (Instant(ms: at), select.text(1)) }
        var alarms = try database.prepare("SELECT kind, since_ms FROM alarm WHERE device = ? AND ended_at_ms IS NULL")
        try alarms.bind(device.id, at: 1)
        while try alarms.step() {
            switch Alarm.Kind(rawValue: alarms.text(0)) {
            case .silent: facts.silentSince = Instant(ms: alarms.integer(1))
            case .duplicateHost: facts.duplicateHostSince = Instant(ms: alarms.integer(1))
            case nil: break
            }
        }
        return facts
    }

    /// Records that a request under this device name was refused. Anybody can send requests under any name, so the device counts as refused only if
    /// the device itself sends nothing.
    package func recordRefusal(of name: DeviceID, detail: String, now: Instant) throws {
        var update = try database.prepare("UPDATE device SET refused_at_ms = ?, refused_detail = ?, judge_due = 1 WHERE name = ?")
        try update.bind(now.ms, at: 1)
        try update.bind(detail.truncated(toBytes: Archive.refusalDetailLimit), at: 2)
        try update.bind(name.name, at: 3)
        try update.run()
    }

    /// Stores the sensor states that a device reports. The state of a sensor that is not in the report is cleared.
    /// - Returns: whether any state has changed.
    func saveReportedStates(_ report: DeviceReport, of device: Int64) throws -> Bool {
        var states: [String: Int64] = [:]
        for sensor in report.sensors { states[sensor.sensor.name] = Int64(sensor.condition.state.rawValue) }
        var select = try database.prepare("SELECT id, name, reported FROM sensor WHERE device = ?")
        try select.bind(device, at: 1)
        var changed: [(id: Int64, state: Int64?)] = []
        while try select.step() {
            let state = states[select.text(1)]
            if state != select.optionalInteger(2) { changed.append((select.integer(0), state)) }
        }
        guard !changed.isEmpty else { return false }
        var update = try database.prepare("UPDATE sensor SET reported = ? WHERE id = ?")
        for sensor in changed {
            try update.bind(sensor.state, at: 1)
            try update.bind(sensor.id, at: 2)
            try update.run()
        }
        return true
    }

    // MARK: periodic update

    /// Finds sensors that have become quiet or active again, and judges every device that has changed.
    package func updateDeviceStates(now: Instant) throws {
        try database.transaction {
            for (isQuiet, comparison) in [(Int64(1), "<"), (0, ">=")] {
                // Replays are excluded: their times are not wall-clock times. The first condition is a constant bound that uses the index; the
                // second applies the sensor's own step (10 minutes or an hour).
                var change = try database.prepare(
                    """
                    UPDATE sensor SET quiet = ?1 WHERE id IN (
                        SELECT id FROM sensor WHERE quiet = \(1 - isQuiet) AND kind <> 'replay' AND last_at_ms \(comparison) ?2
                            AND last_at_ms \(comparison) ?3 - \(SensorState.stalePeriods * 1_000) * step_s LIMIT \(Archive.stateUpdatesPerTransaction))
                    RETURNING device
                    """)
                try change.bind(isQuiet, at: 1)
                let steps: Int64 = Int64(SensorState.stalePeriods) * (isQuiet == 1 ? 600 : 3_600) * 1_000
                try change.bind(now.ms - steps, at: 2)
                try change.bind(now.ms, at: 3)
                var devices: Set<Int64> = []
                while try change.step() { devices.insert(change.integer(0)) }
                for device in devices { try run("UPDATE device SET judge_due = 1 WHERE id = ?", device) }
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
        var select = try database.prepare(sql)
        var ids: [Int64] = []
        while try select.step() { ids.append(select.integer(0)) }
        return ids
    }

    private func updateState(_ id: Int64, now: Instant) throws {
        var select = try database.prepare("SELECT \(Archive.deviceColumns), report FROM device WHERE id = ?")
        try select.bind(id, at: 1)
        guard try select.step(), let device = Archive.device(select) else {
            return try run("UPDATE device SET judge_due = 0 WHERE id = ?", id)  // the name is not valid: the row was edited or is damaged
        }
        let report = select.isNull(5) ? nil : try? ReportCoding.report(select.blob(5)[...])
        let state = Archive.condition(try facts(device, report: report, now: now), now: now).state
        var rank = Severity.rank(state)
        if state != .revoked {
            var sensors = try database.prepare(
                "SELECT DISTINCT \(Archive.sensorState) FROM sensor s WHERE s.device = ? AND \(Archive.isShown)")
            try sensors.bind(id, at: 1)
            while try sensors.step() {
                rank = min(rank, Severity.rank(SensorState(rawValue: UInt8(truncatingIfNeeded: sensors.integer(0))) ?? .ok))
            }
        }
        var update = try database.prepare("UPDATE device SET state = ?, severity_rank = ?, judge_due = 0 WHERE id = ?")
        try update.bind(Int64(state.rawValue), at: 1)
        try update.bind(Int64(rank), at: 2)
        try update.bind(id, at: 3)
        try update.run()
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
        var devices = try database.prepare("SELECT state, COUNT(*) FROM device GROUP BY state")
        while try devices.step() {
            if let state = DeviceState(rawValue: Int(devices.integer(0))) { counts.devices[state] = devices.integer(1) }
        }
        var sensors = try database.prepare(
            """
            SELECT \(Archive.sensorState), COUNT(*) FROM sensor s JOIN device d ON d.id = s.device
            WHERE d.revoked_at_ms IS NULL AND \(Archive.isShown) GROUP BY 1
            """)
        while try sensors.step() {
            if let state = SensorState(rawValue: UInt8(truncatingIfNeeded: sensors.integer(0))) {
                counts.sensors[state, default: 0] += sensors.integer(1)
            }
        }
        return counts
    }
}

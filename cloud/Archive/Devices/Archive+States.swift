package import Measures
internal import Wire

/// The states of devices and sensors. Judging a device means computing and storing its state. A device is judged only when something about the device
/// changes, so that lists and counts of a large fleet do not judge every device.
extension Archive {
    /// Everything that a device's state depends on.
    struct DeviceFacts {
        var device: Device
        var report: DeviceReport?
        var refusal: Refusal?
        var silentSince: Instant?  // start of the active silence alarm
        var duplicateHostSince: Instant?  // start of the active alarm about two hosts
        var isOverQuota: Bool

        /// The last refused request under the device's name.
        struct Refusal {
            let at: Instant
            let detail: String

            /// Reads the columns `refused_at_ms` and `refused_detail`, which begin at `column`.
            init?(_ row: Row, _ column: Int) {
                guard let at = row.optionalInteger(column) else { return nil }
                (self.at, detail) = (Instant(ms: at), row.text(column + 1))
            }
        }
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

    /// One call for each table, whatever the number of devices.
    func facts(_ devices: [(device: Device, report: DeviceReport?, refusal: DeviceFacts.Refusal?)], now: Instant) throws -> [DeviceFacts] {
        let ids = devices.map { [DatabaseValue.integer($0.device.id)] }
        let day = now.ms / 86_400_000
        let logs = try database.rowsEach("SELECT day, day_bytes FROM device_log WHERE device = ?", ids)
        let alarms = try database.rowsEach("SELECT kind, since_ms FROM alarm WHERE device = ? AND ended_at_ms IS NULL", ids)
        return devices.indices.map { index in
            let bytes = logs[index].first.map { $0.integer(0) == day ? $0.integer(1) : 0 } ?? 0
            var facts = DeviceFacts(device: devices[index].device, report: devices[index].report, isOverQuota: bytes >= limits.bytesPerDay)
            facts.refusal = devices[index].refusal
            for row in alarms[index] {
                switch Alarm.Kind(rawValue: row.text(0)) {
                case .silent: facts.silentSince = Instant(ms: row.integer(1))
                case .duplicateHost: facts.duplicateHostSince = Instant(ms: row.integer(1))
                case nil: break
                }
            }
            return facts
        }
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
                changed.append([state.databaseValue, .integer(device), .integer(row.integer(0))])
                devices.insert(device)
            }
        }
        try database.changeEach("UPDATE sensor SET reported = ? WHERE device = ? AND id = ?", changed)
        return devices
    }

    // MARK: periodic update

    /// Finds sensors that have become quiet or active again, and judges every device that has changed.
    package func updateDeviceStates(now: Instant) throws {
        try database.transaction { try updateQuietSensors(now: now) }
        try database.transaction {
            let due = try ids("SELECT id FROM device WHERE judge_due = 1 LIMIT \(Archive.stateUpdatesPerTransaction)")
            // A refusal expires without an event, so refused devices are judged again in every call, at most `stateUpdatesPerTransaction` of them.
            let refused = try ids(
                """
                SELECT id FROM device WHERE severity_rank = \(Severity.rank(DeviceState.refused)) AND id > ?
                ORDER BY id LIMIT \(Archive.stateUpdatesPerTransaction)
                """, lastRefusedUpdated)
            try updateStates(Set(due + refused).sorted(), now: now)
            lastRefusedUpdated = refused.count == Archive.stateUpdatesPerTransaction ? refused.last ?? 0 : 0
        }
    }

    private func updateQuietSensors(now: Instant) throws {
        var devices: Set<Int64> = []
        for (isQuiet, comparison) in [(Int64(1), "<"), (0, ">=")] {
            // Replays are excluded: their times are not wall-clock times. The first condition is a constant bound that uses the index; the second
            // applies the sensor's own step (10 minutes or an hour).
            let steps: Int64 = Int64(SensorState.stalePeriods) * (isQuiet == 1 ? 600 : 3_600) * 1_000
            let changed = try database.rows(
                """
                UPDATE sensor SET quiet = ?1 WHERE (device, id) IN (
                    SELECT device, id FROM sensor WHERE quiet = \(1 - isQuiet) AND kind <> 'replay' AND last_at_ms \(comparison) ?2
                        AND last_at_ms \(comparison) ?3 - \(SensorState.stalePeriods * 1_000) * step_s LIMIT \(Archive.stateUpdatesPerTransaction))
                RETURNING device
                """, isQuiet, now.ms - steps, now.ms)
            devices.formUnion(changed.map { $0.integer(0) })
        }
        try database.changeEach("UPDATE device SET judge_due = 1 WHERE id = ?", devices.sorted().map { [.integer($0)] })
    }

    private func ids(_ sql: String, _ values: any DatabaseConvertible...) throws -> [Int64] {
        try database.rows(sql, values.map(\.databaseValue)).map { $0.integer(0) }.sorted()
    }

    /// Computes and stores the states of these devices, and how many sensors are in each state; changes the totals of the fleet by the differences.
    private func updateStates(_ ids: [Int64], now: Instant) throws {
        let rows = try database.rowsEach(
            """
            SELECT \(Archive.deviceColumns), report, refused_at_ms, refused_detail, state, sensor_states FROM device WHERE id = ?\(database.rowLock)
            """, ids.map { [.integer($0)] }
        ).compactMap(\.first)
        // A name that is not valid: the row was edited or is damaged.
        let damaged = rows.filter { Archive.device($0) == nil }
        try database.changeEach("UPDATE device SET judge_due = 0 WHERE id = ?", damaged.map { [.integer($0.integer(0))] })
        let known = rows.compactMap { row in Archive.device(row).map { (device: $0, row: row) } }
        let facts = try facts(
            known.map { device, row in
                (device, row.isNull(6) ? nil : try? ReportCoding.report(row.bytes(6)[...]), DeviceFacts.Refusal(row, 7))
            }, now: now)
        let sensors = try database.rowsEach(
            "SELECT \(Archive.sensorState), COUNT(*) FROM sensor s WHERE s.device = ? AND \(Archive.isShown) GROUP BY 1",
            known.map { [.integer($0.device.id)] })
        var totals = StateTotals()
        var updates: [[DatabaseValue]] = []
        for (index, (device, row)) in known.enumerated() {
            let state = Archive.condition(facts[index], now: now).state
            let counts = state == .revoked ? SensorCounts() : SensorCounts(sensors[index])
            totals.replace(
                DeviceState(rawValue: Int(row.integer(9))), row.optionalText(10).map(SensorCounts.init(text:)), with: state, counts)
            let rank = counts.states.map { Severity.rank($0) }.reduce(Severity.rank(state)) { min($0, $1) }
            updates.append([.integer(Int64(state.rawValue)), .integer(Int64(rank)), .text(counts.text), .integer(device.id)])
        }
        try database.changeEach("UPDATE device SET state = ?, severity_rank = ?, sensor_states = ?, judge_due = 0 WHERE id = ?", updates)
        try changeTotals(totals)
    }

    func changeTotals(_ totals: StateTotals) throws {
        try database.changeEach(
            """
            INSERT INTO state_total (kind, state, number) VALUES (?, ?, ?)
            ON CONFLICT (kind, state) DO UPDATE SET number = state_total.number + excluded.number
            """, totals.rows)
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

    /// The totals that `updateDeviceStates` keeps.
    package func stateCounts() throws -> StateCounts {
        var counts = StateCounts()
        for row in try database.rows("SELECT kind, state, number FROM state_total WHERE number > 0") {
            switch row.text(0) {
            case StateTotals.deviceKind: if let state = DeviceState(rawValue: Int(row.integer(1))) { counts.devices[state] = row.integer(2) }
            default: if let state = SensorState(rawValue: UInt8(truncatingIfNeeded: row.integer(1))) { counts.sensors[state] = row.integer(2) }
            }
        }
        return counts
    }
}

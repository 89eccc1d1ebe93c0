package import Measures
internal import Text
package import Watch

/// Alarms about sensors, the quarantine of their observations, and maintenance.
extension Archive {
    package struct SensorAlarm: Sendable, Equatable {
        package let id: Int64
        package let device: DeviceID
        package let sensor: SensorName
        package let finding: SensorHealth.Finding
        package let since: Int64  // the first day of the fault, as estimated; in days since 1970
        package let foundOn: Int64
        package let size: Double  // see SensorHealth.Alarm
        package let raisedAt: Instant
        package let endedAt: Instant?
        package let endedBy: String
        package let reason: String
        package let isFault: Bool  // false: a person has said that the sensor is right
    }

    /// A sensor with the facts that limit its judgement.
    package struct WatchedSensor: Sendable, Equatable {
        package let device: Int64
        package let sensor: Int64
        package let group: String  // the tags of the device: only sensors of devices with the same tags are compared
        package let isAlarmed: Bool
        package let judgedOn: Int64?  // the last day that was judged
        package let newestDay: Int64
        package let usedFrom: Int64  // the day after the last repair or calibration, or the first day of the last dismissed alarm
    }

    /// All sensors that have summaries, by group, device and sensor.
    package func watchedSensors() throws -> [WatchedSensor] {
        var tags: [Int64: String] = [:]
        for row in try database.rows("SELECT device, tag FROM device_tag ORDER BY device, tag") {
            tags[row.integer(0)] = [tags[row.integer(0)], row.text(1)].compactMap { $0 }.joined(separator: " ")
        }
        let rows = try database.rows(
            """
            SELECT d.device, d.sensor, MAX(d.day), (SELECT h.day FROM sensor_health h WHERE h.device = d.device AND h.sensor = d.sensor),
                (SELECT COUNT(*) FROM sensor_alarm a WHERE a.device = d.device AND a.sensor = d.sensor AND a.ended_at_ms IS NULL),
                (SELECT MAX(q.until_day) FROM quarantine q WHERE q.device = d.device AND q.sensor = d.sensor),
                (SELECT MAX(a.since_day) FROM sensor_alarm a WHERE a.device = d.device AND a.sensor = d.sensor AND a.is_fault = 0),
                (SELECT MAX(c.from_ms) FROM calibration c JOIN sensor s ON s.device = c.device AND s.name = c.sensor
                    WHERE c.device = d.device AND s.id = d.sensor)
            FROM sensor_day d GROUP BY d.device, d.sensor ORDER BY d.device, d.sensor
            """)
        return rows.map { row in
            WatchedSensor(
                device: row.integer(0), sensor: row.integer(1), group: tags[row.integer(0)] ?? "", isAlarmed: row.integer(4) > 0,
                judgedOn: row.optionalInteger(3), newestDay: row.integer(2),
                usedFrom: [
                    row.optionalInteger(5), row.optionalInteger(6), row.optionalInteger(7).map { $0 / 86_400_000 + 1 },
                ].compactMap { $0 }.max() ?? .min)
        }.sorted { ($0.group, $0.device, $0.sensor) < ($1.group, $1.device, $1.sensor) }
    }

    /// Stores a judgement. An alarm quarantines the observations from its first day on.
    /// - Parameter day: the last judged day.
    package func store(_ health: SensorHealth, of sensor: WatchedSensor, day: Int64, now: Instant) throws {
        try database.transaction {
            try database.run(
                """
                INSERT INTO sensor_health (device, sensor, day, observable, peers, drift_sum) VALUES (?, ?, ?, ?, ?, ?)
                ON CONFLICT (device, sensor) DO UPDATE SET day = excluded.day, observable = excluded.observable, peers = excluded.peers,
                    drift_sum = excluded.drift_sum
                """, sensor.device, sensor.sensor, day, health.isBiasObservable, health.peers.count, health.sum)
            guard let alarm = health.alarm else { return }
            let row = try database.row(
                """
                INSERT INTO sensor_alarm (device, sensor, finding, since_day, found_day, size, raised_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?)
                ON CONFLICT DO NOTHING RETURNING id
                """, sensor.device, sensor.sensor, alarm.finding.rawValue, alarm.since, alarm.foundOn, alarm.size, now.ms)
            guard let id = row?.integer(0) else { return }
            try database.run(
                "INSERT INTO quarantine (device, sensor, from_day, until_day, alarm) VALUES (?, ?, ?, NULL, ?)", sensor.device, sensor.sensor,
                alarm.since, id)
        }
    }

    package struct NoActiveAlarm: Error, CustomStringConvertible {
        let id: Int64
        package var description: String { "there is no active alarm \(id): vaho-cloud watch alarms lists the alarms" }
    }

    /// Ends an alarm.
    /// - Parameter isFault: `true`: the sensor was repaired or replaced; its observations stay in quarantine up to the newest day, and it is judged by later
    ///   days only. `false`: the sensor was right; its observations leave the quarantine, and its days from the first day of
    ///   the alarm on are the new reference.
    package func endSensorAlarm(_ id: Int64, isFault: Bool, by attribution: Attribution, now: Instant) throws {
        try database.transaction {
            let row = try database.row(
                """
                UPDATE sensor_alarm SET ended_at_ms = ?, ended_by = ?, reason = ?, is_fault = ? WHERE id = ? AND ended_at_ms IS NULL
                RETURNING id
                """, now.ms, attribution.author, attribution.reason, isFault, id)
            guard row != nil else { throw NoActiveAlarm(id: id) }
            try recordAudit(isFault ? "sensor repaired" : "sensor alarm dismissed", of: "alarm \(id)", by: attribution, now: now)
            if isFault {
                try database.run(
                    """
                    UPDATE quarantine SET until_day = 1 + (SELECT MAX(day) FROM sensor_day d WHERE d.device = quarantine.device
                        AND d.sensor = quarantine.sensor) WHERE alarm = ?
                    """, id)
            } else {
                try database.run("DELETE FROM quarantine WHERE alarm = ?", id)
            }
        }
    }

    /// The days of a device that overlap the maintenance are not judged.
    package func addMaintenance(of device: Device, from: Instant, until: Instant, by attribution: Attribution, now: Instant) throws {
        try database.transaction {
            try database.run(
                "INSERT INTO maintenance (device, from_ms, until_ms, author, reason) VALUES (?, ?, ?, ?, ?)", device.id, from.ms, until.ms,
                attribution.author, attribution.reason)
            try recordAudit(
                "maintenance", of: device.name.name, "\(RFC3339.format(ms: from.ms)) to \(RFC3339.format(ms: until.ms))", by: attribution, now: now)
        }
    }

    // MARK: reading

    /// Alarms about sensors, newest first.
    package func sensorAlarms(of device: Int64? = nil, activeOnly: Bool = false, limit: Int) throws -> [SensorAlarm] {
        let conditions = [device.map { "a.device = \($0)" }, activeOnly ? "a.ended_at_ms IS NULL" : nil].compactMap { $0 }
        return try sensorAlarms(
            (conditions.isEmpty ? "" : "WHERE " + conditions.joined(separator: " AND ")) + " ORDER BY a.id DESC LIMIT ?", [.integer(Int64(limit))])
    }

    /// At most 100 alarms whose start or end is not delivered yet, oldest first.
    package func undeliveredSensorAlarms() throws -> [SensorAlarm] {
        try sensorAlarms("WHERE a.told = 0 OR (a.told = 1 AND a.ended_at_ms IS NOT NULL) ORDER BY a.id LIMIT 100", [])
    }

    package func markDelivered(_ alarm: SensorAlarm) throws {
        try database.run("UPDATE sensor_alarm SET told = ? WHERE id = ?", alarm.endedAt == nil ? 1 : 2, alarm.id)
    }

    private func sensorAlarms(_ condition: String, _ values: [DatabaseValue]) throws -> [SensorAlarm] {
        try database.rows(
            """
            SELECT a.id, d.name, s.name, a.finding, a.since_day, a.found_day, a.size, a.raised_at_ms, a.ended_at_ms, a.ended_by, a.reason, a.is_fault
            FROM sensor_alarm a JOIN device d ON d.id = a.device JOIN sensor s ON s.device = a.device AND s.id = a.sensor \(condition)
            """, values
        ).compactMap { row in
            guard let device = DeviceID(row.text(1)), let sensor = SensorName(row.text(2)), let finding = SensorHealth.Finding(rawValue: row.text(3))
            else { return nil }
            return SensorAlarm(
                id: row.integer(0), device: device, sensor: sensor, finding: finding, since: row.integer(4), foundOn: row.integer(5),
                size: row.double(6), raisedAt: Instant(ms: row.integer(7)), endedAt: row.optionalInteger(8).map(Instant.init(ms:)),
                endedBy: row.text(9), reason: row.text(10), isFault: row.integer(11) == 1)
        }
    }

    /// The active alarms by finding.
    package func activeSensorAlarms() throws -> [SensorHealth.Finding: Int64] {
        var counts: [SensorHealth.Finding: Int64] = [:]
        for row in try database.rows("SELECT finding, COUNT(*) FROM sensor_alarm WHERE ended_at_ms IS NULL GROUP BY finding") {
            if let finding = SensorHealth.Finding(rawValue: row.text(0)) { counts[finding] = row.integer(1) }
        }
        return counts
    }

    /// The last judgement of a sensor.
    package struct SensorJudgement: Sendable, Equatable {
        package let device: DeviceID
        package let sensor: SensorName
        package let day: Int64
        package let isBiasObservable: Bool
        package let peers: Int
        package let driftSum: Double
        package let alarm: SensorHealth.Finding?  // active
    }

    /// - Parameter device: only devices with a later name.
    package func sensorJudgements(after device: String = "", limit: Int) throws -> [SensorJudgement] {
        try database.rows(
            """
            SELECT d.name, s.name, h.day, h.observable, h.peers, h.drift_sum,
                (SELECT a.finding FROM sensor_alarm a WHERE a.device = h.device AND a.sensor = h.sensor AND a.ended_at_ms IS NULL)
            FROM sensor_health h JOIN device d ON d.id = h.device JOIN sensor s ON s.device = h.device AND s.id = h.sensor
            WHERE d.name > ? ORDER BY d.name, s.name LIMIT ?
            """, device, limit
        ).compactMap { row in
            guard let device = DeviceID(row.text(0)), let sensor = SensorName(row.text(1)) else { return nil }
            return SensorJudgement(
                device: device, sensor: sensor, day: row.integer(2), isBiasObservable: row.integer(3) == 1, peers: Int(row.integer(4)),
                driftSum: row.double(5), alarm: row.optionalText(6).flatMap(SensorHealth.Finding.init))
        }
    }
}

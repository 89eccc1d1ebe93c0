package import Measures
internal import Runtime
internal import SQLite
internal import Wire

/// Sensor renames. Readings keep the name under which they were logged, because they may have been sent. Rows derived from the readings move
/// to the new name.
extension StoreTables {
    /// Whether both names have readings of the same time. Two names with such readings are two sensors and cannot be merged.
    package func haveOverlappingReadings(_ sensor: SensorName, _ name: SensorName) throws -> Bool {
        guard let old = try sensors.ids[sensor].flatMap({ try span(of: $0) }), let new = try sensors.ids[name].flatMap({ try span(of: $0) }) else {
            return false
        }
        return old.overlaps(new)
    }

    private func span(of sensor: Int64) throws -> ClosedRange<Instant>? {
        func takenAt(_ order: String) throws -> Instant? {
            try log.readings(of: sensor, order, limit: 1, corrections, sensors).first?.reading.takenAt
        }
        guard let first = try takenAt("ORDER BY key"), let last = try takenAt("ORDER BY key DESC") else { return nil }
        return min(first, last)...max(first, last)
    }

    /// Continues the series of a sensor under another name, together with the rows that the new name already has. Only inside a transaction.
    ///
    /// The rename is logged even if this store has no sensor with the old name: the cloud may have one.
    /// - Parameter calibratedSince: observations after this time are computed again, because calibrations of either name now apply to both
    ///   names.
    package mutating func rename(
        _ sensor: SensorName, to name: SensorName, enteredAt: Instant, calibratedSince: Instant? = nil, now: Instant = WallClock.now
    ) throws {
        let old = sensors.ids[sensor]
        let until = max(now, try old.map { try end(of: $0) } ?? now)
        let rename = Record.rename(SensorRename(sensor: sensor, name: name, until: until, enteredAt: enteredAt))
        try insert(rename)
        try CorrectionTable.save(rename, in: database)
        corrections = try CorrectionTable.read(database, log: try log.records() + pending.records)
        guard let old else { return }
        let new: Int64
        if let known = sensors.ids[name] {
            new = known
        } else {
            // The new name has the record of the old name until the new name is registered with its own record.
            guard var record = try sensors.record(of: old) else { throw StoreFault.unknownSensor(sensor) }
            record.sensor = name
            new = try sensors.upsert(record)
        }
        try moveDerived(from: old, to: new)
        if let calibratedSince { try deleteDerived(of: .calibration(Calibration(sensor: name, from: calibratedSince, enteredAt: enteredAt))) }
        try sensors.markRenamed(old)
        log.clearNewest(old)
        try log.readNewest(new, corrections, sensors, through: observations.newest(of: new)?.through)
        clearCaches()
    }

    /// An instant after all readings and observations of a sensor.
    private func end(of sensor: Int64) throws -> Instant {
        var select = try database.prepare("SELECT MAX(taken_at_ms) FROM reading WHERE sensor = ?", sensor)
        let newest = try select.step() ? select.optionalInteger(0) ?? 0 : 0
        return Instant(ms: max(newest, try observations.newest(of: sensor)?.at.ms ?? 0) + 1)
    }

    /// Moves derived rows to the new name. Where both names have a row, the row of the new name stays; scores are added up.
    private func moveDerived(from old: Int64, to new: Int64) throws {
        let distance = ForecastKey.first(of: new) - ForecastKey.first(of: old)
        let (first, beyond) = (ForecastKey.first(of: old), ForecastKey.first(of: old + 1))
        try database.execute(
            """
            INSERT OR IGNORE INTO observation SELECT \(new), valid_at_ms, humidity_mpct, temperature_mc, through FROM observation WHERE sensor = \(old);
            DELETE FROM observation WHERE sensor = \(old);
            UPDATE OR IGNORE forecast SET key = key + \(distance) WHERE key >= \(first) AND key < \(beyond);
            DELETE FROM forecast WHERE key >= \(first) AND key < \(beyond);
            INSERT INTO score SELECT day, release, \(new), lead_time_s, count, absolute_error, persistence_error, climatology_error, pinball, covered
                FROM score WHERE sensor = \(old) \(ScoreTable.onConflict);
            DELETE FROM score WHERE sensor = \(old);
            INSERT INTO comparison SELECT day, release, rival, \(new), lead_time_s, count, error, rival_error, persistence_error
                FROM comparison WHERE sensor = \(old) \(ComparisonTable.onConflict);
            DELETE FROM comparison WHERE sensor = \(old);
            """)
    }
}

package import Measures
internal import Runtime
internal import SQLite

/// Sensors that go by another name. Readings keep the name they were given under, for they may have been sent; what the grid made of
/// them goes over to the new name.
extension ReadingStore {
    private static let renamesThrough = "renames_through"

    /// Up to when what was said of names has been taken in.
    package func knownRenames() throws -> Instant { Instant(ms: try meta(Self.renamesThrough).flatMap { Int64($0) } ?? 0) }

    /// From here on the series of a sensor goes on under another name, with what that one has already. Again it changes nothing.
    /// - Parameter calibratedSince: what was observed later is made again: calibrations of either name are of both now.
    /// - Returns: false where no sensor of the old name was ever known.
    @discardableResult
    package func rename(
        _ sensor: SensorName, to name: SensorName, saidAt: Instant, calibratedSince: Instant? = nil, now: Instant = LabelClock.wallClock
    ) throws -> Bool {
        guard let old = sensors[sensor] else {
            try setMeta(Self.renamesThrough, String(saidAt.ms))
            return false
        }
        let rename = SensorRename(sensor: sensor, name: name, until: max(now, try end(of: old)), saidAt: saidAt)
        let before = (sensors, renames)
        do {
            try commit {
                let new = try sensors[name] ?? addSensor(named: name, like: old)
                sensors[name] = new
                renames = (renames + [rename]).ordered()
                try moveOutcomes(from: old, to: new)
                if let calibratedSince { try forgetOutcomes(of: .calibration(Calibration(sensor: name, from: calibratedSince))) }
                var update = try database.prepare("UPDATE sensor SET state = 'renamed' WHERE id = ?")
                try update.bind(old, at: 1)
                try update.run()
                try insert(.rename(rename))
                try setMeta(Self.renamesThrough, String(saidAt.ms))
                newestReadings[old] = nil
                newestReadings[new] = try newestReading(sensor: new)
            }
        } catch {
            (sensors, renames) = before
            throw error
        }
        (moulds, thinnedThrough) = ([:], [:])
        return true
    }

    /// After all that there is of a sensor.
    private func end(of sensor: Int64) throws -> Instant {
        var select = try database.prepare("SELECT MAX(taken_at_ms) FROM reading WHERE sensor = ?")
        try select.bind(sensor, at: 1)
        let newest = try select.step() ? select.optionalInteger(0) ?? 0 : 0
        return Instant(ms: max(newest, try newestObservation(sensor: sensor)?.at.ms ?? 0) + 1)
    }

    /// Where both have something, that of the new name stays.
    private func moveOutcomes(from old: Int64, to new: Int64) throws {
        let distance = (new - old) << 40
        try database.execute(
            """
            INSERT OR IGNORE INTO observation SELECT \(new), valid_at_ms, humidity_mpct, temperature_mc, through FROM observation WHERE sensor = \(old);
            DELETE FROM observation WHERE sensor = \(old);
            UPDATE OR IGNORE forecast SET key = key + \(distance) WHERE key >= \(old << 40) AND key < \((old + 1) << 40);
            DELETE FROM forecast WHERE key >= \(old << 40) AND key < \((old + 1) << 40);
            INSERT INTO score SELECT day, release, \(new), lead_time_s, count, absolute_error, persistence_error, climatology_error, pinball, covered
                FROM score WHERE sensor = \(old)
                ON CONFLICT DO UPDATE SET count = count + excluded.count, absolute_error = absolute_error + excluded.absolute_error,
                    persistence_error = persistence_error + excluded.persistence_error,
                    climatology_error = climatology_error + excluded.climatology_error, pinball = pinball + excluded.pinball,
                    covered = covered + excluded.covered;
            DELETE FROM score WHERE sensor = \(old);
            """)
    }

    // MARK: whose readings are whose

    /// The numbers under which a sensor's readings may be stored: its own, and those of its earlier names.
    func sources(of sensor: Int64) -> [Int64] {
        guard !renames.isEmpty, let name = name(of: sensor) else { return [sensor] }
        var names: Set<SensorName> = [name]
        for rename in renames.reversed() where names.contains(rename.name) { names.insert(rename.sensor) }
        return names.compactMap { sensors[$0] }.sorted()
    }

    /// Whether a reading stored under one number is of another's series.
    /// - Parameter reading: at its true time.
    func isReading(_ reading: Reading, of source: Int64, in sensor: Int64) -> Bool {
        guard !renames.isEmpty, let said = name(of: source), let name = name(of: sensor) else { return source == sensor }
        return renames.series(of: said, at: reading.takenAt) == name
    }

    func name(of sensor: Int64) -> SensorName? { sensors.first { $0.value == sensor }?.key }
}

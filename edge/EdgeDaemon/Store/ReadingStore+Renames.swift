package import Measures
internal import Runtime
internal import SQLite

/// Sensors that go by another name. Readings keep the name they were given under, for they may have been sent; what the grid made of
/// them goes over to the new name.
extension ReadingStore {
    /// And when it was said, of which sensor: beside the record, which goes when it has been delivered and is old.
    private static let noted = "rename."

    func readRenames(_ records: [Record]) throws {
        var known = records.compactMap { if case .rename(let rename) = $0 { rename } else { nil } }
        for (name, value) in try metas(Self.noted) {
            let words = value.split(separator: " ")
            guard words.count == 3, let sensor = SensorName(String(words[0])), let new = SensorName(String(words[1])), let until = Int64(words[2]),
                let saidAt = Int64(name.dropFirst(Self.noted.utf8.count).prefix { $0 != "." })
            else { continue }
            known.append(SensorRename(sensor: sensor, name: new, until: Instant(ms: until), saidAt: Instant(ms: saidAt)))
        }
        renames = known.ordered()
    }

    package func knows(_ rename: SensorNotes.Rename) -> Bool {
        renames.contains { $0.sensor == rename.sensor && $0.name == rename.name && $0.saidAt == rename.saidAt }
    }

    /// Whether both names have readings of the same time: they are two sensors, then, and cannot become one.
    package func overlap(_ sensor: SensorName, _ name: SensorName) throws -> Bool {
        guard let old = try sensors[sensor].flatMap({ try span(of: $0) }), let new = try sensors[name].flatMap({ try span(of: $0) }) else {
            return false
        }
        return old.overlaps(new)
    }

    private func span(of sensor: Int64) throws -> ClosedRange<Instant>? {
        guard let first = try firstReading(sensor: sensor)?.takenAt, let last = try newestReading(sensor: sensor)?.takenAt else { return nil }
        return min(first, last)...max(first, last)
    }

    /// From here on the series of a sensor goes on under another name, with what that one has already.
    ///
    /// Where this store knows nothing of the old name the cloud may: it is told all the same.
    /// - Parameter calibratedSince: what was observed later is made again: calibrations of either name are of both now.
    package func rename(
        _ sensor: SensorName, to name: SensorName, saidAt: Instant, calibratedSince: Instant? = nil, now: Instant = LabelClock.wallClock
    ) throws {
        let old = sensors[sensor]
        let until = max(now, try old.map { try end(of: $0) } ?? now)
        let rename = SensorRename(sensor: sensor, name: name, until: until, saidAt: saidAt)
        let before = (sensors, renames, newestReadings, goodReadings)
        do {
            try commit {
                renames = (renames + [rename]).ordered()
                try insert(.rename(rename))
                try setMeta("\(Self.noted)\(saidAt.ms).\(sensor)", "\(sensor) \(name) \(until.ms)")
                guard let old else { return }
                let new = try sensors[name] ?? addSensor(named: name, like: old)
                sensors[name] = new
                try moveDerived(from: old, to: new)
                if let calibratedSince { try forgetDerived(of: .calibration(Calibration(sensor: name, from: calibratedSince, saidAt: saidAt))) }
                var update = try database.prepare("UPDATE sensor SET state = '\(Self.renamedState)' WHERE id = ?")
                try update.bind(old, at: 1)
                try update.run()
                newestReadings[old] = nil
                goodReadings[old] = nil
                try readNewest(of: new)
            }
        } catch {
            (sensors, renames, newestReadings, goodReadings) = before
            throw error
        }
        (moulds, thinnedThrough, scoreSums) = ([:], [:], nil)
    }

    static let renamedState = "renamed"

    /// After all that there is of a sensor.
    private func end(of sensor: Int64) throws -> Instant {
        var select = try database.prepare("SELECT MAX(taken_at_ms) FROM reading WHERE sensor = ?")
        try select.bind(sensor, at: 1)
        let newest = try select.step() ? select.optionalInteger(0) ?? 0 : 0
        return Instant(ms: max(newest, try newestObservation(sensor: sensor)?.at.ms ?? 0) + 1)
    }

    /// Where both have something, that of the new name stays.
    private func moveDerived(from old: Int64, to new: Int64) throws {
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

    /// The numbers under which a sensor's readings may be stored, its own and those of its earlier names, with those names.
    func sources(of sensor: Int64) -> [Int64: SensorName] {
        guard let name = name(of: sensor) else { return [:] }
        var names: Set<SensorName> = [name]
        for rename in renames.reversed() where names.contains(rename.name) { names.insert(rename.sensor) }
        return Dictionary(names.compactMap { name in sensors[name].map { ($0, name) } }) { first, _ in first }
    }

    func name(of sensor: Int64) -> SensorName? { sensors.first { $0.value == sensor }?.key }
}

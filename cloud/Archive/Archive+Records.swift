internal import Measures
internal import Observing
internal import Wire

/// The rows of records (sensors, holes, clock corrections, calibrations, renames) in the tables beside the log. A batch may have thousands of records,
/// so the rows are collected, and written with one call for each table.
struct RecordRows: ~Copyable {
    private var holes: [[DatabaseValue]] = []
    private var corrections: [[DatabaseValue]] = []
    private var calibrations: [[DatabaseValue]] = []
    private var renames: [[DatabaseValue]] = []
    /// Statements in the order of the records, because a rename copies the row of the old name.
    private var sensors: [(sql: String, rows: [[DatabaseValue]])] = []
    private var devices: Set<Int64> = []  // devices with new or changed sensors

    mutating func add(_ hole: Hole, _ key: [DatabaseValue]) {
        holes.append(
            key + [(hole.sensor?.name).databaseValue, .text(hole.reason.name), .integer(hole.from.ms), .integer(hole.to.ms), .integer(hole.count)])
    }

    mutating func add(_ correction: ClockCorrection, _ key: [DatabaseValue], batch: Int64) {
        corrections.append(
            key + [
                .integer(batch), .integer(Int64(correction.boot)), .integer(correction.offset.ms), .integer(correction.boottimeMs.lowerBound),
                .integer(correction.boottimeMs.upperBound),
            ])
    }

    mutating func add(_ calibration: Calibration, _ key: [DatabaseValue], batch: Int64) {
        calibrations.append(
            key + [
                .integer(batch), .text(calibration.sensor.name), .integer(calibration.from.ms), .integer(calibration.enteredAt.ms),
                .integer(Int64(calibration.gainPpm)), .integer(Int64(calibration.offsetMpct)),
            ])
    }

    mutating func add(_ rename: SensorRename, _ device: Int64, _ key: [DatabaseValue], batch: Int64) {
        renames.append(
            key + [
                .integer(batch), .text(rename.sensor.name), .text(rename.name.name), .integer(rename.until.ms), .integer(rename.enteredAt.ms),
            ])
        // The sensor record of the new name comes after this record, maybe in another batch.
        changeSensors(
            """
            INSERT INTO sensor (device, name, kind, driver, serial, place, step_s)
            SELECT device, ?2, kind, driver, serial, place, step_s FROM sensor WHERE device = ?1 AND name = ?3 ON CONFLICT DO NOTHING
            """, device, [.text(rename.name.name), .text(rename.sensor.name)])
    }

    mutating func add(_ record: SensorRecord, _ device: Int64) {
        changeSensors(
            """
            INSERT INTO sensor (device, name, kind, driver, serial, place, step_s) VALUES (?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (device, name) DO UPDATE SET kind = excluded.kind, driver = excluded.driver, serial = excluded.serial,
                place = excluded.place, step_s = excluded.step_s
            """, device,
            [
                .text(record.sensor.name), .text(record.kind), .text(record.driver), .text(record.serial), .text(record.place),
                .integer(record.step.wholeSeconds),
            ])
    }

    private mutating func changeSensors(_ sql: String, _ device: Int64, _ values: [DatabaseValue]) {
        devices.insert(device)
        if sensors.last?.sql != sql { sensors.append((sql, [])) }
        sensors[sensors.count - 1].rows.append([.integer(device)] + values)
    }

    consuming func write(to database: any ArchiveDatabase) throws {
        for (sql, rows) in sensors { try database.changeEach(sql, rows) }
        try database.changeEach("INSERT INTO hole VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", holes)
        try database.changeEach(
            """
            INSERT INTO clock_correction (device, epoch, sequence, batch, boot, offset_ms, from_ms, to_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT DO NOTHING
            """, corrections)
        try database.changeEach(
            """
            INSERT INTO calibration (device, epoch, sequence, batch, sensor, from_ms, said_at_ms, gain_ppm, offset_mpct)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
            """, calibrations)
        try database.changeEach(
            """
            INSERT INTO sensor_rename (device, epoch, sequence, batch, sensor, name, until_ms, said_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT DO NOTHING
            """, renames)
        // Their sensors are counted again.
        try database.changeEach("UPDATE device SET judge_due = 1 WHERE id = ?", devices.sorted().map { [.integer($0)] })
    }
}

extension Archive {
    /// Adds the row of a record, unless the device has too many of its kind: such a record stays in the log and is not applied.
    func add(_ record: Record, _ device: Int64, _ epoch: Epoch, _ sequence: Int64, batch: Int64, to rows: inout RecordRows) throws {
        let key: [DatabaseValue] = [.integer(device), .integer(Int64(bitPattern: epoch.bits)), .integer(sequence)]
        switch record {
        case .sensor(let sensor): rows.add(sensor, device)
        case .clockCorrection(let correction):
            if try countAmendment(\.corrections, device, upTo: ArchiveLimits.amendmentsPerDevice) { rows.add(correction, key, batch: batch) }
        case .calibration(let calibration):
            if try countAmendment(\.calibrations, device, upTo: ArchiveLimits.amendmentsPerDevice) { rows.add(calibration, key, batch: batch) }
        case .rename(let rename):
            if try countAmendment(\.renames, device, upTo: ArchiveLimits.renamesPerDevice) { rows.add(rename, device, key, batch: batch) }
        case .hole(let hole): rows.add(hole, key)
        }
    }

    /// Counts one more amendment of a kind.
    /// - Returns: `false` if the device has reached the limit.
    private func countAmendment(
        _ kind: WritableKeyPath<DeviceLedger.AmendmentCounts, Int64>, _ device: Int64, upTo limit: Int64
    ) throws -> Bool {
        var counts =
            try ledgers[device]?.amendments
            ?? DeviceLedger.AmendmentCounts(
                corrections: database.integer("SELECT COUNT(*) FROM clock_correction WHERE device = ?", device) ?? 0,
                calibrations: database.integer("SELECT COUNT(*) FROM calibration WHERE device = ?", device) ?? 0,
                renames: database.integer("SELECT COUNT(*) FROM sensor_rename WHERE device = ?", device) ?? 0)
        guard counts[keyPath: kind] < limit else { return false }
        counts[keyPath: kind] += 1
        ledgers[device]?.amendments = counts
        return true
    }

    func upsert(_ record: SensorRecord, _ device: Int64) throws {
        var rows = RecordRows()
        rows.add(record, device)
        try rows.write(to: database)
    }
}

internal import Measures
internal import Observing
internal import Wire

/// Stores the contents of records (sensors, holes, clock corrections, calibrations, renames) together with their batch.
extension Archive {
    func store(_ record: Record, _ device: Int64, _ epoch: Epoch, _ sequence: Int64, batch: Int64) throws {
        switch record {
        case .sensor(let sensor): try upsert(sensor, device)
        case .clockCorrection(let correction):
            if try countAmendment(\.corrections, device, upTo: ArchiveLimits.amendmentsPerDevice) {
                try insert(correction, device, epoch, sequence, batch: batch)
            }
        case .calibration(let calibration):
            if try countAmendment(\.calibrations, device, upTo: ArchiveLimits.amendmentsPerDevice) {
                try insert(calibration, device, epoch, sequence, batch: batch)
            }
        case .rename(let rename):
            if try countAmendment(\.renames, device, upTo: ArchiveLimits.renamesPerDevice) {
                try insert(rename, device, epoch, sequence, batch: batch)
            }
        case .hole(let hole): try insert(hole, device, epoch, sequence)
        }
    }

    /// Counts one more amendment of a kind.
    /// - Returns: `false` if the limit is reached: then the record stays in the log and is not applied.
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
        try database.run(
            """
            INSERT INTO sensor (device, name, kind, driver, serial, place, step_s) VALUES (?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (device, name) DO UPDATE SET kind = excluded.kind, driver = excluded.driver, serial = excluded.serial,
                place = excluded.place, step_s = excluded.step_s
            """, device, record.sensor.name, record.kind, record.driver, record.serial, record.place, record.step.wholeSeconds)
        try database.run("UPDATE device SET judge_due = 1 WHERE id = ?", device)  // its sensors are counted again
    }

    private func insert(_ hole: Hole, _ device: Int64, _ epoch: Epoch, _ sequence: Int64) throws {
        try database.run(
            "INSERT INTO hole VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", device, Int64(bitPattern: epoch.bits), sequence,
            hole.sensor?.name, hole.reason.name, hole.from.ms, hole.to.ms, hole.count)
    }

    private func insert(_ correction: ClockCorrection, _ device: Int64, _ epoch: Epoch, _ sequence: Int64, batch: Int64) throws {
        try database.run(
            """
            INSERT INTO clock_correction (device, epoch, sequence, batch, boot, offset_ms, from_ms, to_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT DO NOTHING
            """, device, Int64(bitPattern: epoch.bits), sequence, batch, Int64(correction.boot), correction.offset.ms,
            correction.boottimeMs.lowerBound, correction.boottimeMs.upperBound)
    }

    private func insert(_ calibration: Calibration, _ device: Int64, _ epoch: Epoch, _ sequence: Int64, batch: Int64) throws {
        try database.run(
            """
            INSERT INTO calibration (sensor, device, epoch, sequence, batch, from_ms, said_at_ms, gain_ppm, offset_mpct)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT DO NOTHING
            """, calibration.sensor.name, device, Int64(bitPattern: epoch.bits), sequence, batch, calibration.from.ms, calibration.enteredAt.ms,
            calibration.gainPpm, calibration.offsetMpct)
    }

    private func insert(_ rename: SensorRename, _ device: Int64, _ epoch: Epoch, _ sequence: Int64, batch: Int64) throws {
        try database.run(
            """
            INSERT INTO sensor_rename (sensor, name, device, epoch, sequence, batch, until_ms, said_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT DO NOTHING
            """, rename.sensor.name, rename.name.name, device, Int64(bitPattern: epoch.bits), sequence, batch, rename.until.ms,
            rename.enteredAt.ms)
        // Copies the old name's row: the sensor record of the new name comes after this record, maybe in another batch.
        try database.run(
            """
            INSERT INTO sensor (device, name, kind, driver, serial, place, step_s)
            SELECT device, ?, kind, driver, serial, place, step_s FROM sensor WHERE device = ? AND name = ? ON CONFLICT DO NOTHING
            """, rename.name.name, device, rename.sensor.name)
        try database.run("UPDATE device SET judge_due = 1 WHERE id = ?", device)
    }
}

internal import Measures
internal import SQLite

/// Calibrations and renames have their own tables, because their log records are deleted once delivered and old.
enum CorrectionTable {
    /// - Parameter log: all records of the log, and the pending records.
    static func read(_ database: Connection, log: [Record]) throws -> Corrections {
        var calibrations = try readCalibrations(database)
        for case .calibration(let calibration) in log where !calibrations.contains(calibration) { calibrations.append(calibration) }
        let clock = log.compactMap { if case .clockCorrection(let correction) = $0 { correction } else { nil } }
        let renames = try readRenames(database) + log.compactMap { if case .rename(let rename) = $0 { rename } else { nil } }
        return Corrections(clock: clock, calibrations: calibrations, renames: renames)
    }

    private static func readRenames(_ database: Connection) throws -> [SensorRename] {
        var renames: [SensorRename] = []
        var select = try database.prepare("SELECT sensor, name, until_ms, said_at_ms FROM sensor_rename")
        while try select.step() {
            guard let sensor = SensorName(select.text(0)), let name = SensorName(select.text(1)) else { continue }
            renames.append(
                SensorRename(sensor: sensor, name: name, until: Instant(ms: select.integer(2)), enteredAt: Instant(ms: select.integer(3))))
        }
        return renames
    }

    private static func readCalibrations(_ database: Connection) throws -> [Calibration] {
        var calibrations: [Calibration] = []
        var select = try database.prepare("SELECT sensor, from_ms, said_at_ms, gain_ppm, offset_mpct FROM calibration ORDER BY id")
        while try select.step() {
            guard let sensor = SensorName(select.text(0)) else { continue }
            let calibration = Calibration(
                sensor: sensor, from: Instant(ms: select.integer(1)), enteredAt: Instant(ms: select.integer(2)),
                gainPpm: Int32(clamping: select.integer(3)), offsetMpct: Int32(clamping: select.integer(4)))
            if calibration.isValid { calibrations.append(calibration) }
        }
        return calibrations
    }

    /// Stores a calibration or a rename for longer than the log keeps its record. Only inside a transaction.
    static func save(_ record: Record, in database: Connection) throws {
        switch record {
        case .calibration(let correction):
            try database.run(
                "INSERT OR IGNORE INTO calibration (sensor, from_ms, said_at_ms, gain_ppm, offset_mpct) VALUES (?, ?, ?, ?, ?)",
                correction.sensor.name,
                correction.from.ms, correction.enteredAt.ms, Int64(correction.gainPpm), Int64(correction.offsetMpct))
        case .rename(let correction):
            try database.run(
                "INSERT OR IGNORE INTO sensor_rename (sensor, name, until_ms, said_at_ms) VALUES (?, ?, ?, ?)", correction.sensor.name,
                correction.name.name,
                correction.until.ms, correction.enteredAt.ms)
        case .clockCorrection, .hole, .sensor: break
        }
    }
}

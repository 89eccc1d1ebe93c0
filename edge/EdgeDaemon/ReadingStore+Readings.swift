package import Measures
internal import SQLite

/// Readings of one sensor, as they were taken.
extension ReadingStore {
    private static let columns = "key, taken_at_ms, humidity_mpct, temperature_mc, pressure_pa, flags, clock, boot, boottime_ms"

    /// The newest readings of a sensor, oldest first.
    package func rawReadings(sensor: Int64, limit: Int) throws -> [Reading] {
        var select = try database.prepare("SELECT \(Self.columns) FROM reading WHERE sensor = ? ORDER BY key DESC LIMIT ?")
        try select.bind(sensor, at: 1)
        try select.bind(Int64(limit), at: 2)
        return try rows(&select).map(\.reading).reversed()
    }

    /// Readings of a sensor after a row, oldest first: what the open bin is made of after a restart.
    package func readings(sensor: Int64, after key: Int64) throws -> [(key: Int64, reading: Reading)] {
        var select = try database.prepare("SELECT \(Self.columns) FROM reading WHERE key > ? AND sensor = ? ORDER BY key")
        try select.bind(key, at: 1)
        try select.bind(sensor, at: 2)
        return try rows(&select)
    }

    /// The newest reading of a sensor that has a humidity.
    func newestReading(sensor: Int64) throws -> Reading? {
        var select = try database.prepare(
            "SELECT \(Self.columns) FROM reading WHERE sensor = ? AND humidity_mpct IS NOT NULL ORDER BY key DESC LIMIT 1")
        try select.bind(sensor, at: 1)
        return try rows(&select).first?.reading
    }

    /// The time of a sensor's newest reading, with a humidity or without.
    package func newestInstant(sensor name: SensorName) throws -> Instant? {
        guard let id = sensor(named: name) else { return nil }
        return try rawReadings(sensor: id, limit: 1).first?.takenAt
    }

    private func rows(_ select: inout Statement) throws -> [(key: Int64, reading: Reading)] {
        var rows: [(key: Int64, reading: Reading)] = []
        while try select.step() { rows.append((select.integer(0), Reading(select, from: 1))) }
        return rows
    }
}

extension Reading {
    /// From the columns taken_at_ms, humidity_mpct, temperature_mc, pressure_pa, flags, clock, boot, boottime_ms.
    init(_ row: borrowing Statement, from column: Int32) {
        self.init(
            takenAt: Instant(ms: row.integer(column)), humidityMpct: row.optionalInteger(column + 1).map(Int32.init(truncatingIfNeeded:)),
            temperatureMc: row.optionalInteger(column + 2).map(Int32.init(truncatingIfNeeded:)),
            pressurePa: row.optionalInteger(column + 3).map(Int32.init(truncatingIfNeeded:)),
            flags: ReadingFlags(rawValue: UInt16(truncatingIfNeeded: row.integer(column + 4))),
            clock: ClockQuality(rawValue: UInt8(truncatingIfNeeded: row.integer(column + 5))) ?? .unknown,
            boot: UInt32(truncatingIfNeeded: row.integer(column + 6)), boottimeMs: row.integer(column + 7))
    }
}

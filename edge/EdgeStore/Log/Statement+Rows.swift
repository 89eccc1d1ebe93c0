internal import Measures
internal import SQLite
internal import Wire

/// Binds and decodes readings and records. The columns of a reading are bound one by one, without an array: millions of readings are stored.
extension Statement {
    mutating func bindReading(key: Int64, sensor: Int64, _ reading: Reading) throws(SQLiteError) {
        try bind(key, at: 1)
        try bind(sensor, at: 2)
        try bind(reading.takenAt.ms, at: 3)
        try bind(reading.humidityMpct, at: 4)
        try bind(reading.temperatureMc, at: 5)
        try bind(reading.pressurePa, at: 6)
        try bind(Int64(reading.flags.rawValue), at: 7)
        try bind(Int64(reading.clock.rawValue), at: 8)
        try bind(Int64(reading.boot), at: 9)
        try bind(reading.boottimeMs, at: 10)
        try bind(RowChecksum.of(key: key, sensor: sensor, reading), at: 11)
    }

    /// Binds key, body and checksum.
    mutating func bindRecord(key: Int64, _ body: [UInt8]) throws(SQLiteError) {
        try bind(key, at: 1)
        try bind(body, at: 2)
        try bind(RowChecksum.of(key: key, body: body), at: 3)
    }

    /// Decodes the columns `LogTable.readingColumns`. Throws if the checksum does not match.
    borrowing func reading() throws(DamagedRow) -> (sensor: Int64, reading: Reading) {
        let (key, sensor, reading) = (integer(0), integer(1), uncheckedReading())
        guard !isNull(10), integer(10) == RowChecksum.of(key: key, sensor: sensor, reading) else { throw DamagedRow(key: key) }
        return (sensor, reading)
    }

    /// Decodes the columns `LogTable.readingColumns` and ignores the checksum.
    borrowing func uncheckedReading() -> Reading {
        Reading(
            takenAt: Instant(ms: integer(2)), humidityMpct: optionalInteger(3).map(Int32.init(truncatingIfNeeded:)),
            temperatureMc: optionalInteger(4).map(Int32.init(truncatingIfNeeded:)),
            pressurePa: optionalInteger(5).map(Int32.init(truncatingIfNeeded:)),
            flags: ReadingFlags(rawValue: UInt16(truncatingIfNeeded: integer(6))),
            clock: ClockQuality(rawValue: UInt8(truncatingIfNeeded: integer(7))) ?? .unknown,
            boot: UInt32(truncatingIfNeeded: integer(8)), boottimeMs: integer(9))
    }

    /// Decodes the columns key, body and checksum. Throws if the checksum does not match.
    borrowing func record() throws(DamagedRow) -> Record {
        let (key, body) = (integer(0), blob(1))
        guard !isNull(2), integer(2) == RowChecksum.of(key: key, body: body), let record = try? RecordCoding.record(body) else {
            throw DamagedRow(key: key)
        }
        return record
    }
}

/// A row does not match its checksum.
struct DamagedRow: Error, CustomStringConvertible {
    let key: Int64
    var description: String { "row \(RowKey(key).life)/\(RowKey(key).sequence) does not match its checksum" }
}

internal import Bytes
internal import Measures

/// A 16-bit checksum, from CRC-32C, for each row. SQLite has no checksums, and without one a flipped bit on a flash card would be sent as a
/// reading.
enum RowChecksum {
    static func of(key: Int64, sensor: Int64, _ reading: Reading) -> Int64 {
        func optional(_ value: Int32?) -> Int64 { value.map(Int64.init) ?? .min }
        var crc = CRC32C.Incremental()
        for value in [
            key, sensor, reading.takenAt.ms, optional(reading.humidityMpct), optional(reading.temperatureMc), optional(reading.pressurePa),
            Int64(reading.flags.rawValue), Int64(reading.clock.rawValue), Int64(reading.boot), reading.boottimeMs,
        ] { crc.add(value) }
        return short(crc.value)
    }

    static func of(key: Int64, body: [UInt8]) -> Int64 {
        var crc = CRC32C.Incremental()
        crc.add(key)
        for byte in body { crc.add(byte) }
        return short(crc.value)
    }

    /// The checksum of a sensor: id and name.
    static func of(key: Int64, name: String) -> Int64 { of(key: key, body: Array(name.utf8)) }

    /// The checksum of a life: number, epoch and last sequence. A wrong epoch would store rows twice; a wrong last sequence would look like
    /// lost rows.
    static func of(_ life: Life) -> Int64 { of(key: life.number, name: "\(life.epoch) \(life.last)") }

    /// Reduces a CRC to a number that SQLite stores in two bytes.
    private static func short(_ value: UInt32) -> Int64 { Int64(Int16(truncatingIfNeeded: value)) }
}

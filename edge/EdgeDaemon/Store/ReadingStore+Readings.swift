package import Measures
internal import Observing
internal import SQLite
internal import Wire

/// Readings of one sensor, as they were taken; their time as it is now known.
extension ReadingStore {
    static let readingColumns = "key, sensor, taken_at_ms, humidity_mpct, temperature_mc, pressure_pa, flags, clock, boot, boottime_ms, checksum"

    /// The newest readings of a sensor, committed or not, as the sensor said them, oldest first.
    package func rawReadings(sensor: Int64, limit: Int) throws -> [Reading] {
        try guarded {
            let waiting = name(of: sensor).map { pending.readings(of: $0, after: 0).map(\.reading) } ?? []
            let stored = try rows(of: sensor, "ORDER BY key DESC", limit: max(0, limit - waiting.count)).map(\.reading).reversed()
            return (stored + waiting).suffix(limit)
        }
    }

    /// The first readings of a sensor after a key, committed or not, calibrated, oldest first.
    package func log(of sensor: SensorName, after key: Int64, limit: Int) throws -> [LoggedReading] {
        try guarded {
            var found: [(key: Int64, reading: Reading)] = []
            if let id = sensors[sensor] { found = try rows(of: id, "AND key > \(key) ORDER BY key", limit: limit) }
            if found.count < limit {
                found += pending.readings(of: sensor, after: key).prefix(limit - found.count).map { ($0.key, corrected($0.reading)) }
            }
            return found.map { LoggedReading(key: $0.key, sensor: sensor, reading: calibrations.corrected($0.reading, of: sensor)) }
        }
    }

    /// The first reading of a sensor that is there.
    func firstReading(sensor: Int64) throws -> Reading? { try rows(of: sensor, "ORDER BY key", limit: 1).first?.reading }

    /// The newest reading of a sensor.
    func newestReading(sensor: Int64) throws -> Reading? { try rows(of: sensor, "ORDER BY key DESC", limit: 1).first?.reading }

    /// Finds the newest reading of a sensor, and the newest that passed quality control.
    func readNewest(of sensor: Int64) throws {
        let name = name(of: sensor)
        let newest = try newestReading(sensor: sensor)
        newestReadings[sensor] = newest
        func isGood(_ reading: Reading) -> Bool {
            let corrected = name.map { calibrations.corrected(reading, of: $0) } ?? reading
            return if case .passed = QualityControl.judge(corrected) { true } else { false }
        }
        goodReadings[sensor] = nil
        if let newest, isGood(newest) {
            goodReadings[sensor] = newest
        } else if let recent = try rows(of: sensor, "ORDER BY key DESC", limit: 1_000).map(\.reading).first(where: isGood) {
            goodReadings[sensor] = recent
        } else if let through = try newestObservation(sensor: sensor)?.through {
            // A sensor that has said nothing usable for long: its last observation tells where to look.
            goodReadings[sensor] = try rows(of: sensor, "AND key <= \(through) ORDER BY key DESC", limit: 200).map(\.reading).first(where: isGood)
        }
    }

    /// The time of a sensor's newest reading as its recording gives it, with a humidity or without.
    package func newestInstant(sensor name: SensorName) throws -> Instant? {
        guard let id = sensor(named: name) else { return nil }
        return try rawReadings(sensor: id, limit: 1).first?.takenAt
    }

    /// The key of the first reading that a correction is about.
    package func firstKey(of correction: ClockCorrection) throws -> Int64? {
        var select = try database.prepare("SELECT MIN(key) FROM reading WHERE boot = ? AND boottime_ms BETWEEN ? AND ?")
        try select.bind(Int64(correction.boot), at: 1)
        try select.bind(correction.boottimeMs.lowerBound, at: 2)
        try select.bind(correction.boottimeMs.upperBound, at: 3)
        return try select.step() ? select.optionalInteger(0) : nil
    }

    /// The newest reading of a start of the host: where its clock stood.
    package func newestReading(ofBoot boot: UInt32) throws -> Reading? {
        try guarded {
            var select = try database.prepare("SELECT \(Self.readingColumns) FROM reading ORDER BY key DESC LIMIT 1")
            guard try select.step() else { return nil }
            let newest = try select.reading().reading
            return newest.boot == boot && newest.hasHostClock ? corrected(newest) : nil
        }
    }

    private func corrected(_ reading: Reading) -> Reading {
        guard !corrections.isEmpty else { return reading }
        var reading = reading
        reading.takenAt = corrections.takenAt(reading)
        return reading
    }

    /// A sensor's readings, under whatever name they were given, at their true times; one that is damaged throws.
    private func rows(of sensor: Int64, _ rest: String, limit: Int) throws -> [(key: Int64, reading: Reading)] {
        let sources = sources(of: sensor)
        let name = sources[sensor]
        let list = sources.keys.map(String.init).joined(separator: ", ")
        var select = try database.prepare("SELECT \(Self.readingColumns) FROM reading WHERE sensor IN (\(list)) \(rest)")
        var rows: [(key: Int64, reading: Reading)] = []
        while rows.count < limit, try select.step() {
            let (source, said) = try select.reading()
            let reading = corrected(said)
            if renames.isEmpty || sources[source].map({ renames.series(of: $0, at: reading.takenAt) }) == name {
                rows.append((select.integer(0), reading))
            }
        }
        return rows
    }

    /// All records, in the order of the log.
    func records() throws -> [Record] {
        var select = try database.prepare("SELECT key, body, checksum FROM record ORDER BY key")
        var records: [Record] = []
        while try select.step() { records.append(try select.record()) }
        return records
    }
}

extension Statement {
    /// From `readingColumns`.
    borrowing func reading() throws(DamagedRow) -> (sensor: Int64, reading: Reading) {
        let (key, sensor, reading) = (integer(0), integer(1), uncheckedReading())
        guard !isNull(10), integer(10) == RowChecksum.of(key: key, sensor: sensor, reading) else { throw DamagedRow(key: key) }
        return (sensor, reading)
    }

    /// From `readingColumns` without the checksum.
    borrowing func uncheckedReading() -> Reading {
        Reading(
            takenAt: Instant(ms: integer(2)), humidityMpct: optionalInteger(3).map(Int32.init(truncatingIfNeeded:)),
            temperatureMc: optionalInteger(4).map(Int32.init(truncatingIfNeeded:)),
            pressurePa: optionalInteger(5).map(Int32.init(truncatingIfNeeded:)),
            flags: ReadingFlags(rawValue: UInt16(truncatingIfNeeded: integer(6))),
            clock: ClockQuality(rawValue: UInt8(truncatingIfNeeded: integer(7))) ?? .unknown,
            boot: UInt32(truncatingIfNeeded: integer(8)), boottimeMs: integer(9))
    }

    /// From key, body, checksum.
    borrowing func record() throws(DamagedRow) -> Record {
        let (key, body) = (integer(0), blob(1))
        guard !isNull(2), integer(2) == RowChecksum.of(key: key, body: body), let record = try? RecordCoding.record(body) else {
            throw DamagedRow(key: key)
        }
        return record
    }
}

/// A row is not as it was written.
struct DamagedRow: Error, CustomStringConvertible {
    let key: Int64
    var description: String { "the row \(RowKey(key).life)/\(RowKey(key).sequence) does not match its checksum" }
}

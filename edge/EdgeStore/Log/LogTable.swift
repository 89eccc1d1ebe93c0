package import Measures
internal import Observing
internal import SQLite
internal import Wire

/// Readings and records in the file, in the order of their keys.
package struct LogTable {
    static let readingColumns = "key, sensor, taken_at_ms, humidity_mpct, temperature_mc, pressure_pa, flags, clock, boot, boottime_ms, checksum"
    private static let newestLimit = 1_000  // readings searched for a good one

    private let database: Connection
    /// Counted once and then updated: the web page requests the count every two seconds, and each request must not scan the log.
    package private(set) var readingCount: Int64
    package private(set) var newest: [Int64: Reading] = [:]  // by sensor
    package private(set) var newestPassed: [Int64: Reading] = [:]  // by sensor: the newest that passed quality control

    init(_ database: Connection) throws {
        self.database = database
        readingCount = try database.integer("SELECT COUNT(*) FROM reading") ?? 0
    }

    // MARK: writing, inside a transaction

    func insert(_ reading: Reading, of sensor: Int64, key: Int64) throws {
        var insert = try database.prepare("INSERT INTO reading VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
        try insert.bindReading(key: key, sensor: sensor, reading)
        try insert.run()
    }

    func insert(_ record: Record, key: Int64) throws {
        var insert = try database.prepare("INSERT INTO record VALUES (?, ?, ?)")
        try insert.bindRecord(key: key, RecordCoding.bytes(record))
        try insert.run()
    }

    /// Updates the count and the newest readings after a commit. Readings arrive in time order.
    /// - Parameter isGood: whether the calibrated reading passed quality control.
    mutating func updateNewest(_ reading: Reading, of sensor: Int64, isGood: Bool) {
        readingCount += 1
        newest[sensor] = reading
        if isGood { newestPassed[sensor] = reading }
    }

    mutating func deleteReadings(_ keys: ClosedRange<Int64>, before limit: Instant = Instant(ms: .max)) throws {
        try database.run("DELETE FROM reading WHERE key BETWEEN ? AND ? AND taken_at_ms < ?", keys.lowerBound, keys.upperBound, limit.ms)
        readingCount -= Int64(database.changes)
    }

    /// Deletes the records before the last reading taken before `limit`.
    func deleteRecords(_ keys: ClosedRange<Int64>, beforeReadingsOf limit: Instant) throws {
        try database.run(
            """
            DELETE FROM record WHERE key BETWEEN ?1 AND ?2
                AND key < (SELECT MAX(key) FROM reading WHERE key BETWEEN ?1 AND ?2 AND taken_at_ms < ?3)
            """, keys.lowerBound, keys.upperBound, limit.ms)
    }

    // MARK: one sensor's readings

    /// Finds the newest reading of a sensor, and the newest reading that passed quality control.
    /// - Parameter through: key of the last reading in the newest observation. If none of the last 1,000 readings is good, the search
    ///   continues from this key.
    mutating func readNewest(_ sensor: Int64, _ corrections: Corrections, _ sensors: SensorTable, through: Int64?) throws {
        let name = sensors.name(of: sensor)
        func isGood(_ reading: Reading) -> Bool { name.map { corrections.isGood(reading, of: $0) } ?? false }
        func found(_ sqlSuffix: String, limit: Int) throws -> [Reading] {
            try readings(of: sensor, sqlSuffix, limit: limit, corrections, sensors).map(\.reading)
        }
        newest[sensor] = try found("ORDER BY key DESC", limit: 1).first
        newestPassed[sensor] = nil
        if let newest = newest[sensor], isGood(newest) {
            newestPassed[sensor] = newest
        } else if let recent = try found("ORDER BY key DESC", limit: Self.newestLimit).first(where: isGood) {
            newestPassed[sensor] = recent
        } else if let through {
            newestPassed[sensor] = try found("AND key <= \(through) ORDER BY key DESC", limit: 200).first(where: isGood)
        }
    }

    mutating func clearNewest(_ sensor: Int64) { (newest[sensor], newestPassed[sensor]) = (nil, nil) }

    /// A sensor's readings under all its names, uncalibrated, at corrected times. Throws on a damaged row.
    /// - Parameter sqlSuffix: SQL conditions on `key`, and the order.
    func readings(of sensor: Int64, _ sqlSuffix: String, limit: Int, _ corrections: Corrections, _ sensors: SensorTable) throws -> [(
        key: Int64, reading: Reading
    )] {
        let sourceIDs = corrections.sourceIDs(of: sensor, sensors)
        let name = sourceIDs[sensor]
        let list = sourceIDs.keys.map(String.init).joined(separator: ", ")
        var select = try database.prepare("SELECT \(Self.readingColumns) FROM reading WHERE sensor IN (\(list)) \(sqlSuffix)")
        var rows: [(key: Int64, reading: Reading)] = []
        while rows.count < limit, try select.step() {
            let (source, raw) = try select.reading()
            let reading = corrections.withCorrectedTime(raw)
            if corrections.renames.isEmpty || sourceIDs[source].map({ corrections.renames.series(of: $0, at: reading.takenAt) }) == name {
                rows.append((select.integer(0), reading))
            }
        }
        return rows
    }

    /// The newest reading of all sensors.
    func newestReading() throws -> Reading? {
        var select = try database.prepare("SELECT \(Self.readingColumns) FROM reading ORDER BY key DESC LIMIT 1")
        return try select.step() ? try select.reading().reading : nil
    }

    /// The key of the first reading that a clock correction changes.
    func firstKey(of correction: ClockCorrection) throws -> Int64? {
        var select = try database.prepare(
            "SELECT MIN(key) FROM reading WHERE boot = ? AND boottime_ms BETWEEN ? AND ?", Int64(correction.boot), correction.boottimeMs.lowerBound,
            correction.boottimeMs.upperBound)
        return try select.step() ? select.optionalInteger(0) : nil
    }

    // MARK: rows of a life

    /// The sequence of the first row of a life at or after `first`.
    func nextRow(inLife number: Int64, from first: Int64) throws -> Int64? {
        let keys = RowKey.keys(life: number, first...RowKey.lastSequence)
        let found = try ["reading", "record"].compactMap { table -> Int64? in
            var select = try database.prepare("SELECT MIN(key) FROM \(table) WHERE key BETWEEN ? AND ?", keys.lowerBound, keys.upperBound)
            return try select.step() ? select.optionalInteger(0) : nil
        }
        return found.min().map { RowKey($0).sequence }
    }

    func oldestReading(inLife number: Int64) throws -> (sequence: Int64, at: Instant)? {
        let keys = RowKey.all(life: number)
        var select = try database.prepare(
            "SELECT key, taken_at_ms FROM reading WHERE key BETWEEN ? AND ? ORDER BY key LIMIT 1", keys.lowerBound, keys.upperBound)
        return try select.step() ? (RowKey(select.integer(0)).sequence, Instant(ms: select.integer(1))) : nil
    }

    /// Readings and records with keys in a range, in key order.
    func rows(_ keys: ClosedRange<Int64>, sensors: SensorTable) throws -> (sensors: [SensorName], rows: [(sequence: Int64, row: Batch.Row)]) {
        var sensorIndexes: [Int64: Int] = [:]  // place in the batch by sensor id
        var used: [SensorName] = []
        var records = try database.prepare(
            "SELECT key, body, checksum FROM record WHERE key BETWEEN ? AND ? ORDER BY key", keys.lowerBound, keys.upperBound)
        var isRecord = try records.step()
        var rows: [(sequence: Int64, row: Batch.Row)] = []
        func appendRecords(before key: Int64) throws {
            while isRecord, records.integer(0) < key {
                rows.append((RowKey(records.integer(0)).sequence, .record(try records.record())))
                isRecord = try records.step()
            }
        }
        var readings = try database.prepare(
            "SELECT \(Self.readingColumns) FROM reading WHERE key BETWEEN ? AND ? ORDER BY key", keys.lowerBound, keys.upperBound)
        while try readings.step() {
            let key = readings.integer(0)
            let (sensor, reading) = try readings.reading()
            if sensorIndexes[sensor] == nil {
                guard let name = sensors.name(of: sensor) else { throw DamagedRow(key: key) }
                guard used.count < BatchFormat.sensorLimit else { return (used, rows) }
                sensorIndexes[sensor] = used.count
                used.append(name)
            }
            try appendRecords(before: key)
            rows.append((RowKey(key).sequence, .reading(sensor: sensorIndexes[sensor] ?? 0, reading)))
        }
        try appendRecords(before: .max)
        return (used, rows)
    }

    // MARK: records

    /// All records, in the order of the log.
    func records() throws -> [Record] {
        var select = try database.prepare("SELECT key, body, checksum FROM record ORDER BY key")
        var records: [Record] = []
        while try select.step() { records.append(try select.record()) }
        return records
    }

    /// The newest holes, newest last.
    package func holes(limit: Int) throws -> [Hole] {
        var select = try database.prepare("SELECT key, body, checksum FROM record ORDER BY key DESC LIMIT 1000")
        var holes: [Hole] = []
        while holes.count < limit, try select.step() {
            if case .hole(let hole)? = try? select.record() { holes.append(hole) }
        }
        return holes.reversed()
    }
}

internal import Measures
internal import Observing

/// Collects the readings that batches add to bins and remove from bins. Each bin is written once, at the end.
struct BinBuffer: Sendable {
    struct Sensor: Sendable, Hashable {
        let device: Int64
        let name: SensorName
        let grid: TimeGrid
    }

    struct Key: Sendable, Hashable {
        let sensor: Int  // index into `sensors`
        let validAt: Instant
    }

    private(set) var sensors: [Sensor] = []
    private(set) var bins: [Key: Bin] = [:]
    private(set) var removed: [Key: Bin] = [:]
    private(set) var newest: [Instant?] = []  // time of the newest added reading, by sensor
    private var places: [Int64: [SensorName: Int]] = [:]
    private var open: [Bin?] = []  // by sensor, the bin of the last reading: readings are in time order, so most belong to this bin

    /// The number of bins to write.
    var count: Int { bins.count + removed.count + openCount }
    private var openCount = 0  // bins in `open`

    /// The sensor's index in `sensors`; `nil` if the sensor is not in the buffer.
    func index(_ device: Int64, _ name: SensorName) -> Int? { places[device]?[name] }

    mutating func addSensor(_ sensor: Sensor) -> Int {
        sensors.append(sensor)
        open.append(nil)
        newest.append(nil)
        places[sensor.device, default: [:]][sensor.name] = sensors.count - 1
        return sensors.count - 1
    }

    mutating func add(_ reading: Reading, to sensor: Int) {
        let instant = reading.takenAt
        let binEnd = sensors[sensor].grid.binEnd(of: instant)
        if open[sensor]?.validAt != binEnd {
            close(sensor)
            open[sensor] = bins.removeValue(forKey: Key(sensor: sensor, validAt: binEnd)) ?? Bin(validAt: binEnd)
            openCount += 1
        }
        open[sensor]?.add(reading)
        if let last = newest[sensor], instant <= last { return }
        newest[sensor] = instant
    }

    private mutating func close(_ sensor: Int) {
        guard let bin = open[sensor] else { return }
        bins[Key(sensor: sensor, validAt: bin.validAt)] = bin
        open[sensor] = nil
        openCount -= 1
    }

    /// Moves the open bins to `bins`.
    mutating func close() { for sensor in sensors.indices { close(sensor) } }

    mutating func remove(_ reading: Reading, from sensor: Int) {
        let binEnd = sensors[sensor].grid.binEnd(of: reading.takenAt)
        removed[Key(sensor: sensor, validAt: binEnd), default: Bin(validAt: binEnd)].add(reading)
    }
}

extension Archive {
    private static let selectBin = """
        SELECT readings, failed, humidity_sum_mpct, humidity_min_mpct, humidity_max_mpct, temperature_readings, temperature_sum_mc,
            pressure_readings, pressure_sum_pa, flags
        FROM observation_bin WHERE device = ? AND sensor = ? AND valid_at_ms = ?
        """

    private func bins(_ keys: [BinKey]) throws -> [Bin?] {
        let rows = try database.rowsEach(Archive.selectBin, keys.map(\.columns))
        return try zip(keys, rows).map { key, rows in try rows.first.map { try Archive.bin($0, key.sensor, key.validAt) } }
    }

    /// - Throws: `ArchiveFault` if no readings can have these values.
    private static func bin(_ row: Row, _ sensor: Int64, _ validAt: Instant) throws -> Bin {
        var bin = Bin(validAt: validAt)
        (bin.count, bin.failed, bin.humiditySumMpct) = (row.integer(0), row.integer(1), row.integer(2))
        (bin.humidityMinMpct, bin.humidityMaxMpct) = (row.optionalInteger(3) ?? .max, row.optionalInteger(4) ?? .min)
        (bin.temperatureCount, bin.temperatureSumMc) = (row.integer(5), row.integer(6))
        (bin.pressureCount, bin.pressureSumPa) = (row.integer(7), row.integer(8))
        bin.flags = ReadingFlags(rawValue: UInt16(truncatingIfNeeded: row.integer(9)))
        guard bin.isPlausible else { throw ArchiveFault.damagedBin(sensor: sensor, validAt: validAt) }
        return bin
    }

    /// Adds the buffered sums to the stored bins; late readings are added to their existing bins.
    /// - Parameter frozen: for each device, the value of `DerivationState.frozenUntil`. Bins up to this time are frozen.
    func write(_ buffer: BinBuffer, frozen: [Int64: Instant]) throws {
        var counts: [Int: Int64] = [:]  // change in the number of bins, by sensor
        var newest: [Int: Bin] = [:]  // by sensor
        let sensors = try storedSensors(buffer.sensors)
        func row(_ key: BinBuffer.Key) -> BinKey {
            BinKey(device: buffer.sensors[key.sensor].device, sensor: sensors[key.sensor].id, validAt: key.validAt)
        }
        var written: [(key: BinKey, bin: Bin)] = []
        var emptied: [[DatabaseValue]] = []
        var inexact: [[DatabaseValue]] = []
        // Sorted by the table's key, because neighbouring rows are on the same database page.
        let keys = Set(buffer.bins.keys).union(buffer.removed.keys).sorted { ($0.sensor, $0.validAt) < ($1.sensor, $1.validAt) }
        // Most bins are newer than every stored bin of their sensor.
        let known = keys.filter { key in sensors[key.sensor].newestBin.map { key.validAt <= $0 } ?? false }
        let storedBins = try bins(known.map(row))
        let bins = Dictionary(uniqueKeysWithValues: zip(known, storedBins))
        for key in keys {
            let row = row(key)
            let stored = bins[key] ?? nil
            var bin = stored ?? Bin(validAt: key.validAt)
            let (added, removed) = (buffer.bins[key], buffer.removed[key])
            if let removed, removed.count == bin.count, removed.failed == bin.failed {
                bin = added ?? Bin(validAt: key.validAt)  // every stored reading was removed
            } else {
                if let added { bin.add(added) }
                if let removed {
                    bin.remove(removed)
                    // A frozen bin keeps the old minimum and maximum. The true minimum and maximum lie between the old values.
                    if key.validAt > frozen[row.device, default: Instant(ms: 0)] { inexact.append(row.columns) }
                }
            }
            if bin.isEmpty {
                emptied.append(row.columns)
            } else {
                written.append((row, bin))
            }
            newest[key.sensor] = bin  // keys are sorted by time
            counts[key.sensor, default: 0] += (bin.isEmpty ? 0 : 1) - (stored == nil ? 0 : 1)
        }
        try database.changeEach("DELETE FROM observation_bin WHERE device = ? AND sensor = ? AND valid_at_ms = ?", emptied)
        try database.changeEach("INSERT INTO inexact_bin (device, sensor, valid_at_ms) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", inexact)
        try database.store(bins: written)
        try markWeeksChanged(keys.map(row))
        try updateSensors(
            counts.map { index, count in
                SensorGrowth(
                    sensor: sensors[index], device: buffer.sensors[index].device, bins: count, newest: buffer.newest[index],
                    state: newest[index]?.state ?? .ok)
            }.sorted { $0.sensor.id < $1.sensor.id }, mayHaveLost: !buffer.removed.isEmpty)
    }

    /// The grid of a series; `nil` if the archive does not have the series.
    func grid(of name: SensorName, _ device: Int64) throws -> TimeGrid? {
        guard let row = try database.row("SELECT step_s, id FROM sensor WHERE device = ? AND name = ?", device, name.name) else { return nil }
        return try Archive.grid(stepSeconds: row.integer(0), sensor: row.integer(1), name)
    }

    static func grid(stepSeconds: Int64, sensor: Int64, _ name: SensorName? = nil) throws -> TimeGrid {
        let step: Duration = .seconds(stepSeconds)
        guard SensorRecord.steps.contains(step) else {
            let name = name.map { " («\($0)»)" } ?? ""
            throw ArchiveFault.damagedRow("sensor \(sensor)\(name): step_s is \(stepSeconds), expected 600 or 3600")
        }
        return TimeGrid(step: step)
    }

    /// A sensor's row, with the newest of its bins.
    private struct StoredSensor {
        let id: Int64
        let newestBin: Instant?
        let hasReportedState: Bool  // the device reports a state for the sensor
        let observed: Int64  // the SensorState according to the newest bin
        let hasReading: Bool
    }

    /// The rows of these sensors; missing rows are created.
    private func storedSensors(_ sensors: [BinBuffer.Sensor]) throws -> [StoredSensor] {
        let select = """
            SELECT id, (SELECT MAX(valid_at_ms) FROM observation_bin b WHERE b.device = sensor.device AND b.sensor = sensor.id), reported, observed, last_at_ms
            FROM sensor WHERE device = ? AND name = ?
            """
        let rows = try database.rowsEach(select, sensors.map { [.integer($0.device), .text($0.name.name)] })
        return try zip(sensors, rows).map { sensor, rows in
            var row = rows.first
            if row == nil {
                try upsert(SensorRecord(sensor: sensor.name, kind: "unknown", step: sensor.grid.step), sensor.device)
                row = try database.row(select, sensor.device, sensor.name.name)
            }
            guard let row else { throw ArchiveFault.damagedRow("sensor «\(sensor.name)» of device \(sensor.device) cannot be stored") }
            return StoredSensor(
                id: row.integer(0), newestBin: row.optionalInteger(1).map(Instant.init(ms:)), hasReportedState: !row.isNull(2),
                observed: row.integer(3), hasReading: !row.isNull(4))
        }
    }

    /// The observations and readings that a step of the derivation adds to a sensor.
    private struct SensorGrowth {
        let sensor: StoredSensor
        let device: Int64
        let bins: Int64
        let newest: Instant?  // time of the newest added reading
        let state: SensorState  // according to the newest bin of the step
    }

    private func updateSensors(_ growths: [SensorGrowth], mayHaveLost: Bool) throws {
        // If a device reports no sensor states, its state depends on its observations.
        let changed = growths.filter { growth in
            mayHaveLost || !growth.sensor.hasReportedState && (growth.sensor.observed != Int64(growth.state.rawValue) || !growth.sensor.hasReading)
        }
        try database.changeEach("UPDATE device SET judge_due = 1 WHERE id = ?", Set(changed.map(\.device)).sorted().map { [.integer($0)] })
        try database.changeEach(
            """
            UPDATE sensor SET observations = observations + ?1, last_at_ms = CASE WHEN last_at_ms >= ?2 THEN last_at_ms ELSE COALESCE(?2, last_at_ms) END,
                observed = CASE WHEN ?2 >= COALESCE(last_at_ms, ?2) THEN ?4 ELSE observed END
            WHERE device = ?5 AND id = ?3
            """,
            growths.map {
                [.integer($0.bins), ($0.newest?.ms).databaseValue, .integer($0.sensor.id), .integer(Int64($0.state.rawValue)), .integer($0.device)]
            })
        guard mayHaveLost else { return }
        // The newest reading may have been removed. The newest remaining reading is not later than the end of the newest bin.
        try database.changeEach(
            """
            UPDATE sensor SET last_at_ms = (SELECT MAX(valid_at_ms) FROM observation_bin WHERE device = ?2 AND sensor = ?1)
            WHERE device = ?2 AND id = ?1 AND (last_at_ms <= (SELECT MAX(valid_at_ms) FROM observation_bin WHERE device = ?2 AND sensor = ?1)) IS NOT TRUE
            """, growths.map { [.integer($0.sensor.id), .integer($0.device)] })
    }
}

extension Bin {
    /// The sensor's state according to the bin, for a device that reports no states.
    fileprivate var state: SensorState {
        if count == 0 { return failed > 0 ? .failing : .ok }
        return humidityMinMpct >= 100_000 || humidityMaxMpct <= 0 ? .saturated : .ok
    }

    /// Whether the time is valid, and counts and sums are so small that no arithmetic overflows.
    var isPlausible: Bool {
        let counts = [count, failed, temperatureCount, pressureCount]
        let sums = [humiditySumMpct, temperatureSumMc, pressureSumPa]
        return counts.allSatisfy { (0...(1 << 40)).contains($0) } && sums.allSatisfy { $0.magnitude < 1 << 60 }
            && (Instant.valid.contains(validAt))
    }
}

internal import Measures
internal import Observing
internal import SQLite

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

    /// The number of bins to write, without the open bin of each sensor.
    var count: Int { bins.count + removed.count }

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
        }
        open[sensor]?.add(reading)
        if let last = newest[sensor], instant <= last { return }
        newest[sensor] = instant
    }

    private mutating func close(_ sensor: Int) {
        if let bin = open[sensor] { bins[Key(sensor: sensor, validAt: bin.validAt)] = bin }
        open[sensor] = nil
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
        FROM observation_bin WHERE sensor = ? AND valid_at_ms = ?
        """

    private func bin(_ sensor: Int64, _ validAt: Instant, _ select: inout Statement) throws -> Bin? {
        select.reset()
        try select.bind(sensor, at: 1)
        try select.bind(validAt.ms, at: 2)
        guard try select.step() else { return nil }
        var bin = Bin(validAt: validAt)
        (bin.count, bin.failed, bin.humiditySumMpct) = (select.integer(0), select.integer(1), select.integer(2))
        (bin.humidityMinMpct, bin.humidityMaxMpct) = (select.optionalInteger(3) ?? .max, select.optionalInteger(4) ?? .min)
        (bin.temperatureCount, bin.temperatureSumMc) = (select.integer(5), select.integer(6))
        (bin.pressureCount, bin.pressureSumPa) = (select.integer(7), select.integer(8))
        bin.flags = ReadingFlags(rawValue: UInt16(truncatingIfNeeded: select.integer(9)))
        guard bin.isPlausible else { throw ArchiveFault.damagedBin(sensor: sensor, validAt: validAt) }
        return bin
    }

    /// Adds the buffered sums to the stored bins; late readings are added to their existing bins.
    func write(_ buffer: BinBuffer) throws {
        var counts: [Int: Int64] = [:]  // change in the number of bins, by sensor
        var newest: [Int: Bin] = [:]  // by sensor
        let ids = try buffer.sensors.map { try id(of: $0) }
        var select = try database.prepare(Archive.selectBin)
        var upsert = try database.prepare(Archive.upsertBin)
        // Sorted by the table's key, because neighbouring rows are on the same database page.
        let keys = Set(buffer.bins.keys).union(buffer.removed.keys).sorted { ($0.sensor, $0.validAt) < ($1.sensor, $1.validAt) }
        for key in keys {
            let stored = try bin(ids[key.sensor], key.validAt, &select)
            var bin = stored ?? Bin(validAt: key.validAt)
            let (added, removed) = (buffer.bins[key], buffer.removed[key])
            if let removed, removed.count == bin.count, removed.failed == bin.failed {
                bin = added ?? Bin(validAt: key.validAt)  // every stored reading was removed
            } else {
                if let added { bin.add(added) }
                if let removed {
                    bin.remove(removed)
                    try markInexact(ids[key.sensor], key.validAt)
                }
            }
            try write(bin, ids[key.sensor], &upsert)
            newest[key.sensor] = bin  // keys are sorted by time
            counts[key.sensor, default: 0] += (bin.isEmpty ? 0 : 1) - (stored == nil ? 0 : 1)
        }
        for (sensor, count) in counts {
            try updateSensor(ids[sensor], count, newest: buffer.newest[sensor], bin: newest[sensor], mayHaveLost: !buffer.removed.isEmpty)
        }
    }

    private static let upsertBin = """
        INSERT INTO observation_bin (
            sensor, valid_at_ms, readings, failed, humidity_sum_mpct, humidity_min_mpct, humidity_max_mpct, temperature_readings,
            temperature_sum_mc, pressure_readings, pressure_sum_pa, flags
        ) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (sensor, valid_at_ms) DO UPDATE SET
            readings = excluded.readings, failed = excluded.failed, humidity_sum_mpct = excluded.humidity_sum_mpct,
            humidity_min_mpct = excluded.humidity_min_mpct, humidity_max_mpct = excluded.humidity_max_mpct,
            temperature_readings = excluded.temperature_readings, temperature_sum_mc = excluded.temperature_sum_mc,
            pressure_readings = excluded.pressure_readings, pressure_sum_pa = excluded.pressure_sum_pa, flags = excluded.flags
        """

    private func write(_ bin: Bin, _ sensor: Int64, _ upsert: inout Statement) throws {
        if bin.isEmpty {
            var delete = try database.prepare("DELETE FROM observation_bin WHERE sensor = ? AND valid_at_ms = ?")
            try delete.bind(sensor, at: 1)
            try delete.bind(bin.validAt.ms, at: 2)
            return try delete.run()
        }
        let (low, high) = bin.count > 0 ? (bin.humidityMinMpct, bin.humidityMaxMpct) : (nil, nil)
        for (index, value) in [
            sensor, bin.validAt.ms, bin.count, bin.failed, bin.humiditySumMpct, low, high, bin.temperatureCount, bin.temperatureSumMc,
            bin.pressureCount, bin.pressureSumPa, Int64(bin.flags.rawValue),
        ].enumerated() { try upsert.bind(value, at: Int32(index + 1)) }
        try upsert.run()
    }

    /// The grid of a series; `nil` if the archive does not have the series.
    func grid(of name: SensorName, _ device: Int64) throws -> TimeGrid? {
        var select = try database.prepare("SELECT step_s, id FROM sensor WHERE device = ? AND name = ?")
        try select.bind(device, at: 1)
        try select.bind(name.name, at: 2)
        guard try select.step() else { return nil }
        return try Archive.grid(stepSeconds: select.integer(0), sensor: select.integer(1), name)
    }

    static func grid(stepSeconds: Int64, sensor: Int64, _ name: SensorName) throws -> TimeGrid {
        let step: Duration = .seconds(stepSeconds)
        guard SensorRecord.steps.contains(step) else {
            throw ArchiveFault.damagedRow("sensor \(sensor) («\(name)»): step_s is \(stepSeconds), expected 600 or 3600")
        }
        return TimeGrid(step: step)
    }

    private func knownID(of sensor: BinBuffer.Sensor) throws -> Int64? {
        var select = try database.prepare("SELECT id FROM sensor WHERE device = ? AND name = ?")
        try select.bind(sensor.device, at: 1)
        try select.bind(sensor.name.name, at: 2)
        return try select.step() ? select.integer(0) : nil
    }

    private func id(of sensor: BinBuffer.Sensor) throws -> Int64 {
        if let known = try knownID(of: sensor) { return known }
        try upsert(SensorRecord(sensor: sensor.name, kind: "unknown", step: sensor.grid.step), sensor.device)
        return database.lastInsertedRow
    }

    private func updateSensor(_ id: Int64, _ count: Int64, newest: Instant?, bin: Bin?, mayHaveLost: Bool) throws {
        let observed = Int64((bin?.state ?? .ok).rawValue)
        // If a device reports no sensor states, its state depends on its observations.
        var markDevice = try database.prepare(
            """
            UPDATE device SET judge_due = 1 WHERE id = (
                SELECT device FROM sensor WHERE id = ?1 AND reported IS NULL AND (observed <> ?2 OR last_at_ms IS NULL))
            """)
        try markDevice.bind(id, at: 1)
        try markDevice.bind(observed, at: 2)
        try markDevice.run()
        var update = try database.prepare(
            """
            UPDATE sensor SET observations = observations + ?1, last_at_ms = MAX(COALESCE(last_at_ms, ?2), COALESCE(?2, last_at_ms)),
                observed = CASE WHEN ?2 >= COALESCE(last_at_ms, ?2) THEN ?4 ELSE observed END
            WHERE id = ?3
            """)
        try update.bind(observed, at: 4)
        try update.bind(count, at: 1)
        try update.bind(newest?.ms, at: 2)
        try update.bind(id, at: 3)
        try update.run()
        guard mayHaveLost else { return }
        // The newest reading may have been removed. The newest remaining reading is not later than the end of the newest bin.
        var cut = try database.prepare(
            "UPDATE sensor SET last_at_ms = MIN(last_at_ms, (SELECT MAX(valid_at_ms) FROM observation_bin WHERE sensor = ?1)) WHERE id = ?1")
        try cut.bind(id, at: 1)
        try cut.run()
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

internal import Measures
internal import Observing
internal import SQLite

/// The bins that one transaction adds to, each written once at its end.
struct BinBuffer {
    struct Key: Hashable {
        let sensor: Int64
        let validAt: Instant
    }

    private(set) var bins: [Key: Bin] = [:]
    private(set) var newest: [Int64: Instant] = [:]  // reading, by sensor

    mutating func add(_ reading: Reading, sensor: Int64, grid: TimeGrid) {
        let label = grid.label(of: reading.takenAt)
        newest[sensor] = max(newest[sensor] ?? reading.takenAt, reading.takenAt)
        bins[Key(sensor: sensor, validAt: label), default: Bin(validAt: label)].add(reading)
    }
}

extension Archive {
    /// Adds the sums to what is stored: late data joins its bin.
    func write(_ buffer: BinBuffer) throws {
        var upsert = try database.prepare(
            """
            INSERT INTO observation_bin VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (sensor, valid_at_ms) DO UPDATE SET
                readings = observation_bin.readings + excluded.readings, failed = observation_bin.failed + excluded.failed,
                humidity_sum_mpct = observation_bin.humidity_sum_mpct + excluded.humidity_sum_mpct,
                humidity_min_mpct = MIN(COALESCE(observation_bin.humidity_min_mpct, excluded.humidity_min_mpct), COALESCE(excluded.humidity_min_mpct, observation_bin.humidity_min_mpct)),
                humidity_max_mpct = MAX(COALESCE(observation_bin.humidity_max_mpct, excluded.humidity_max_mpct), COALESCE(excluded.humidity_max_mpct, observation_bin.humidity_max_mpct)),
                temperature_readings = observation_bin.temperature_readings + excluded.temperature_readings,
                temperature_sum_mc = observation_bin.temperature_sum_mc + excluded.temperature_sum_mc
            """)
        var counts: [Int64: Int64] = [:]  // bins, by sensor
        for (key, bin) in buffer.bins {
            try upsert.bind(key.sensor, at: 1)
            try upsert.bind(key.validAt.ms, at: 2)
            try upsert.bind(bin.count, at: 3)
            try upsert.bind(bin.failed, at: 4)
            try upsert.bind(bin.humiditySumMpct, at: 5)
            try upsert.bind(bin.count > 0 ? bin.humidityMinMpct : nil, at: 6)
            try upsert.bind(bin.count > 0 ? bin.humidityMaxMpct : nil, at: 7)
            try upsert.bind(bin.temperatureCount, at: 8)
            try upsert.bind(bin.temperatureSumMc, at: 9)
            try upsert.run()
            counts[key.sensor, default: 0] += 1
        }
        var update = try database.prepare(
            "UPDATE sensor SET observations = observations + ?, last_at_ms = MAX(COALESCE(last_at_ms, ?), ?) WHERE id = ?")
        for (sensor, count) in counts {
            try update.bind(count, at: 1)
            try update.bind(buffer.newest[sensor]?.ms, at: 2)
            try update.bind(buffer.newest[sensor]?.ms, at: 3)
            try update.bind(sensor, at: 4)
            try update.run()
        }
    }
}

internal import Measures
internal import Observing

/// The columns of `observation_bin`, in the order in which both drivers write them.
enum BinColumns {
    static let names = """
        device, sensor, valid_at_ms, readings, failed, humidity_sum_mpct, temperature_readings, temperature_sum_mc, pressure_readings,
        pressure_sum_pa, flags, humidity_min_mpct, humidity_max_mpct
        """

    /// The end of an INSERT that replaces a row with the same key.
    static let replace = """
        ON CONFLICT (device, sensor, valid_at_ms) DO UPDATE SET
            readings = excluded.readings, failed = excluded.failed, humidity_sum_mpct = excluded.humidity_sum_mpct,
            humidity_min_mpct = excluded.humidity_min_mpct, humidity_max_mpct = excluded.humidity_max_mpct,
            temperature_readings = excluded.temperature_readings, temperature_sum_mc = excluded.temperature_sum_mc,
            pressure_readings = excluded.pressure_readings, pressure_sum_pa = excluded.pressure_sum_pa, flags = excluded.flags
        """

    /// The values of all columns but the last two.
    static func values(_ key: BinKey, _ bin: Bin) -> [Int64] {
        [
            key.device, key.sensor, key.validAt.ms, bin.count, bin.failed, bin.humiditySumMpct, bin.temperatureCount, bin.temperatureSumMc,
            bin.pressureCount, bin.pressureSumPa, Int64(bin.flags.rawValue),
        ]
    }

    /// The values of the last two columns; `nil` for a bin without readings.
    static func extremes(_ bin: Bin) -> (low: Int64?, high: Int64?) { bin.count > 0 ? (bin.humidityMinMpct, bin.humidityMaxMpct) : (nil, nil) }
}

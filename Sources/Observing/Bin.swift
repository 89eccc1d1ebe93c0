package import Measures

/// The sums of one bin of the time grid. Sums are whole numbers: the order of readings does not change them.
package struct Bin: Sendable, Hashable {
    package let validAt: Instant
    package var count: Int64 = 0  // readings that passed quality control
    package var failed: Int64 = 0
    package var humiditySumMpct: Int64 = 0
    package var humidityMinMpct: Int64 = .max
    package var humidityMaxMpct: Int64 = .min
    package var temperatureCount: Int64 = 0
    package var temperatureSumMc: Int64 = 0
    package var pressureCount: Int64 = 0
    package var pressureSumPa: Int64 = 0
    package var flags: ReadingFlags = []  // of all readings, passed or failed

    package init(validAt: Instant) { self.validAt = validAt }

    package mutating func add(_ reading: Reading) {
        flags.formUnion(reading.flags)
        if reading.flags.contains(.cached) { return }  // a copy of the previous reading
        guard case .passed(let humidity, let temperature) = QualityControl.check(reading) else {
            failed += 1
            return
        }
        let mpct = Int64((humidity.percent * 1_000).rounded())
        count += 1
        humiditySumMpct += mpct
        humidityMinMpct = min(humidityMinMpct, mpct)
        humidityMaxMpct = max(humidityMaxMpct, mpct)
        if let temperature {
            temperatureCount += 1
            temperatureSumMc += Int64((temperature.celsius * 1_000).rounded())
        }
        if let pressure = reading.pressurePa {
            pressureCount += 1
            pressureSumPa += Int64(pressure)
        }
    }

    package var isEmpty: Bool { count == 0 && failed == 0 }

    /// Adds the readings of another part of this bin.
    package mutating func add(_ other: Bin) {
        count += other.count
        failed += other.failed
        humiditySumMpct += other.humiditySumMpct
        humidityMinMpct = min(humidityMinMpct, other.humidityMinMpct)
        humidityMaxMpct = max(humidityMaxMpct, other.humidityMaxMpct)
        temperatureCount += other.temperatureCount
        temperatureSumMc += other.temperatureSumMc
        pressureCount += other.pressureCount
        pressureSumPa += other.pressureSumPa
        flags.formUnion(other.flags)
    }

    /// Subtracts readings that were added before. Minimum, maximum and flags are no longer valid afterwards.
    package mutating func remove(_ other: Bin) {
        count -= other.count
        failed -= other.failed
        humiditySumMpct -= other.humiditySumMpct
        temperatureCount -= other.temperatureCount
        temperatureSumMc -= other.temperatureSumMc
        pressureCount -= other.pressureCount
        pressureSumPa -= other.pressureSumPa
    }

    /// `nil` if no reading has passed. Means are rounded to thousandths, the stored precision.
    package var observation: Observation? {
        guard count > 0 else { return nil }
        return Observation(
            validAt: validAt,
            humidity: RelativeHumidity(percent: Double(Bin.mean(humiditySumMpct, count)) / 1_000),
            temperature: temperatureCount > 0
                ? Temperature(celsius: Double(Bin.mean(temperatureSumMc, temperatureCount)) / 1_000) : nil)
    }

    /// Rounded to nearest, ties away from zero.
    package static func mean(_ sum: Int64, _ count: Int64) -> Int64 {
        sum >= 0 ? (2 * sum + count) / (2 * count) : -((-2 * sum + count) / (2 * count))
    }
}

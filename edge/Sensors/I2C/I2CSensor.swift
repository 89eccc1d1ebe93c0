internal import Measures
internal import Runtime

/// A chip on an I2C bus without a kernel driver.
package actor I2CSensor: Sensor {
    private let executor = BlockingExecutor(label: "i2c-sensor")
    package nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

    package nonisolated let identity: SensorIdentity
    private let address: I2CAddress
    private var opened: (device: I2CDevice, measurement: any I2CMeasurement)?

    private static let tries = 3  // tries of a measurement disturbed by the bus

    package init(_ address: I2CAddress) {
        self.address = address
        identity = SensorIdentity(kind: "i2c", driver: address.description)
    }

    package func read() throws -> Sample? {
        var tried = 0
        while true {
            tried += 1
            do { return try measure() } catch {
                // The chip may have lost power: the next try prepares the chip again.
                let device = opened?.device
                opened = nil
                guard error.isTransient, tried < I2CSensor.tries else {
                    throw SensorError("\(address): \(error)\(device == nil ? "" : address.chip.sameAddressHint)", isTransient: error.isTransient)
                }
                if tried == I2CSensor.tries - 1, let device { try? address.chip.measurement().reset(device) }
            }
        }
    }

    private func measure() throws(SensorError) -> Sample {
        var (device, measurement) =
            if let opened { opened } else { (try I2CDevice(bus: address.bus, address: address.address), address.chip.measurement()) }
        opened = (device, measurement)
        let sample = try measurement.measure(device)
        opened = (device, measurement)
        return sample
    }
}

extension Sample {
    /// A sample from the converted values of a chip. The linear conversion of some chips slightly exceeds 0 and 100 %. Such a value is stored
    /// unchanged with the flag `clamped`, and counts as 0 or 100 %, as the data sheets specify.
    static func converted(percent: Double, celsius: Double?, pressurePa: Double? = nil, flags: ReadingFlags = []) -> Sample {
        Sample(
            humidityMpct: Milli.rounded(percent), temperatureMc: celsius.flatMap(Milli.rounded),
            pressurePa: pressurePa.flatMap { $0 > 0 && $0 < 200_000 ? Int32($0.rounded()) : nil },
            flags: (0...100).contains(percent) ? flags : flags.union(.clamped))
    }
}

internal import Measures
internal import Runtime

/// A chip on an I2C bus that no kernel driver has.
package actor I2CSensor: Sensor {
    private let executor = BlockingExecutor(label: "i2c-sensor")
    package nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

    package nonisolated let identity: SensorIdentity
    private let place: I2CAddress
    private var opened: (device: I2CDevice, measurement: any I2CMeasurement)?

    private static let tries = 3  // of a measurement that the bus disturbed

    package init(_ place: I2CAddress) {
        self.place = place
        identity = SensorIdentity(kind: "i2c", driver: place.description)
    }

    package func read() throws -> Sample? {
        var tried = 0
        while true {
            tried += 1
            do { return try measure() } catch {
                // It may have been without power: what prepares it is said again.
                let device = opened?.device
                opened = nil
                guard error.isPassing, tried < I2CSensor.tries else {
                    throw SensorError("\(place): \(error)\(device == nil ? "" : place.chip.neighbours)", isPassing: error.isPassing)
                }
                if tried == I2CSensor.tries - 1, let device { try? place.chip.measurement().reset(device) }
            }
        }
    }

    private func measure() throws(SensorError) -> Sample {
        var (device, measurement) =
            if let opened { opened } else { (try I2CDevice(bus: place.bus, address: place.address), place.chip.measurement()) }
        opened = (device, measurement)
        let sample = try measurement.measure(device)
        opened = (device, measurement)
        return sample
    }
}

extension Sample {
    /// What a chip's conversion gave. Sensors with a linear output pass the ends a little: that is kept and flagged, and counts as
    /// the end, as their data sheets say.
    static func converted(percent: Double, celsius: Double?, pressurePa: Double? = nil, flags: ReadingFlags = []) -> Sample {
        Sample(
            humidityMpct: Milli.whole(percent), temperatureMc: celsius.flatMap(Milli.whole),
            pressurePa: pressurePa.flatMap { $0 > 0 && $0 < 200_000 ? Int32($0.rounded()) : nil },
            flags: (0...100).contains(percent) ? flags : flags.union(.clamped))
    }
}

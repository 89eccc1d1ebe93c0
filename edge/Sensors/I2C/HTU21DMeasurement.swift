/// Silicon Labs Si7006, Si7013, Si7020, Si7021 (data sheet revision 1.3, section 5.1) and TE HTU21D (HPC199_6), which have the same commands:
/// humidity, then temperature, without holding the bus.
struct HTU21DMeasurement: I2CMeasurement {
    mutating func measure(_ device: I2CDevice) throws(SensorError) -> Sample {
        try device.write([0xF5])
        device.pause(milliseconds: 25)  // Si7021: at most 12 + 10.8, because it also measures the temperature; HTU21D: 16
        let humidity = try device.read(3)
        try device.write([0xF3])
        device.pause(milliseconds: 50)  // HTU21D; Si7021: 10.8
        return try Self.decode(humidity: humidity, temperature: try device.read(3))
    }

    /// The two lowest bits show whether the number is humidity or temperature.
    static func decode(humidity: [UInt8], temperature: [UInt8]) throws(SensorError) -> Sample {
        let percent = Double(try CRC8.word(humidity, at: 0, initial: 0) & ~3)
        let celsius = Double(try CRC8.word(temperature, at: 0, initial: 0) & ~3)
        return .converted(percent: 125 * percent / 65_536 - 6, celsius: 175.72 * celsius / 65_536 - 46.85)
    }
}

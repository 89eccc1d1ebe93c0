/// Sensirion SHT30, SHT31, SHT35 (data sheet version 7, sections 4 and 4.13): single shots with high repeatability, without clock stretching.
struct SHT3xMeasurement: I2CMeasurement {
    private var isPrepared = false

    mutating func measure(_ device: I2CDevice) throws(SensorError) -> Sample {
        if !isPrepared {
            // Stop a periodic measurement and switch off the heater, in case another program has left them on. If the chip accepts neither
            // command, the measurement below fails.
            for command in [[0x30, 0x93], [0x30, 0x66]] as [[UInt8]] {
                try? device.write(command)
                device.pause(milliseconds: 1)
            }
            isPrepared = true
        }
        try device.write([0x24, 0x00])
        device.pause(milliseconds: 16)  // at most 15.5
        return try Self.decode(try device.read(6))
    }

    /// Temperature and humidity, two bytes and a checksum each.
    static func decode(_ bytes: [UInt8]) throws(SensorError) -> Sample {
        let (temperature, humidity) = (try CRC8.word(bytes, at: 0, initial: 0xFF), try CRC8.word(bytes, at: 3, initial: 0xFF))
        return .converted(percent: 100 * Double(humidity) / 65_535, celsius: -45 + 175 * Double(temperature) / 65_535)
    }
}

/// Sensirion SHT40, SHT41, SHT43, SHT45 (data sheet version 7, sections 4.5 and 4.6): high precision.
struct SHT4xMeasurement: I2CMeasurement {
    mutating func measure(_ device: I2CDevice) throws(SensorError) -> Sample {
        try device.write([0xFD])
        device.pause(milliseconds: 10)  // at most 8.3
        return try Self.decode(try device.read(6))
    }

    /// Like the SHT3x, but humidity from −6 to 119 %.
    static func decode(_ bytes: [UInt8]) throws(SensorError) -> Sample {
        let (temperature, humidity) = (try CRC8.word(bytes, at: 0, initial: 0xFF), try CRC8.word(bytes, at: 3, initial: 0xFF))
        return .converted(percent: -6 + 125 * Double(humidity) / 65_535, celsius: -45 + 175 * Double(temperature) / 65_535)
    }
}

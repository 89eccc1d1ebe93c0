internal import Text

/// Aosong AHT20 and the older AHT10 (AHT20 data sheet version 1.0, sections 5.3 and 5.4).
///
/// The status is read without a preceding command: writing 0x71 can leave newer parts busy forever. Newer parts refuse the AHT10's
/// initialisation, so the initialisation is sent only to a part that reports "not calibrated".
struct AHTMeasurement: I2CMeasurement {
    let hasChecksum: Bool  // the AHT10 has none
    private static let (busy, calibrated): (UInt8, UInt8) = (0x80, 0x08)

    init(hasChecksum: Bool) { self.hasChecksum = hasChecksum }

    mutating func measure(_ device: I2CDevice) throws(SensorError) -> Sample {
        if try device.read(1)[0] & AHTMeasurement.calibrated == 0 {
            try device.write([hasChecksum ? 0xBE : 0xE1, 0x08, 0x00])
            device.pause(milliseconds: 10)
        }
        try device.write([0xAC, 0x33, 0x00])
        device.pause(milliseconds: 80)
        // Real parts take up to 0.1 s longer than their data sheet says.
        try device.wait(tries: 12, milliseconds: 10) { (device) throws(SensorError) in try device.read(1)[0] & Self.busy != 0 }
        return try Self.decode(try device.read(hasChecksum ? 7 : 6), hasChecksum: hasChecksum)
    }

    /// Resets a part whose busy bit is stuck.
    func reset(_ device: I2CDevice) throws(SensorError) {
        try device.write([0xBA])
        device.pause(milliseconds: 20)
    }

    /// Status, 20 bits of humidity, 20 bits of temperature, and the checksum of the six bytes.
    static func decode(_ bytes: [UInt8], hasChecksum: Bool) throws(SensorError) -> Sample {
        if hasChecksum {
            let expected = CRC8.checksum(bytes[..<6], initial: 0xFF)
            guard bytes[6] == expected else {
                throw SensorError(
                    "the checksum is \(Hexadecimal.prefixed(bytes[6])), not \(Hexadecimal.prefixed(expected)): noise on the bus, or another chip",
                    isTransient: true)
            }
        }
        guard bytes[0] & busy == 0 else { throw SensorError("the chip is still measuring after 200 ms", isTransient: true) }
        let humidity = UInt32(bytes[1]) << 12 | UInt32(bytes[2]) << 4 | UInt32(bytes[3]) >> 4
        let temperature = (UInt32(bytes[3]) & 0x0F) << 16 | UInt32(bytes[4]) << 8 | UInt32(bytes[5])
        guard humidity != 0 else { throw SensorError("the chip reports a humidity of exactly 0: it has no valid measurement", isTransient: true) }
        return .converted(percent: 100 * Double(humidity) / 1_048_576, celsius: 200 * Double(temperature) / 1_048_576 - 50)
    }
}

internal import Text

/// The chips that can be read without a kernel driver.
package enum I2CChip: String, Sendable, CaseIterable {
    case sht3x, sht4x, aht10, aht20, hdc1080, si7021, htu21d, bme280

    package var addresses: [UInt8] {
        switch self {
        case .sht3x: [0x44, 0x45]
        case .sht4x: [0x44, 0x45, 0x46]
        case .aht10: [0x38, 0x39]
        case .aht20: [0x38]
        case .hdc1080, .si7021, .htu21d: [0x40]
        case .bme280: [0x76, 0x77]
        }
    }
}

extension I2CChip {
    /// Other chips with the same address: a hint for a user who has wired another chip.
    var sameAddressHint: String {
        let others = I2CChip.allCases.filter { $0 != self && !Set($0.addresses).isDisjoint(with: addresses) }
        return others.isEmpty ? "" : " (\(others.map(\.rawValue).joined(separator: ", ")) may have this address too)"
    }
}

/// The protocol of one kind of chip: the commands and waits from its data sheet, and the decoding of its bytes.
protocol I2CMeasurement {
    /// One measurement; the first one also prepares the chip.
    mutating func measure(_ device: I2CDevice) throws(SensorError) -> Sample
    /// Resets a chip that has not answered, before the last try.
    func reset(_ device: I2CDevice) throws(SensorError)
}

extension I2CMeasurement {
    func reset(_ device: I2CDevice) throws(SensorError) {}
}

extension I2CChip {
    func measurement() -> any I2CMeasurement {
        switch self {
        case .sht3x: SHT3xMeasurement()
        case .sht4x: SHT4xMeasurement()
        case .aht10: AHTMeasurement(hasChecksum: false)
        case .aht20: AHTMeasurement(hasChecksum: true)
        case .hdc1080: HDC1080Measurement()
        case .si7021, .htu21d: HTU21DMeasurement()
        case .bme280: BME280Measurement()
        }
    }
}

/// CRC with the polynomial x⁸ + x⁵ + x⁴ + 1 (0x31), which Sensirion, Aosong, Silicon Labs and TE append to their numbers.
enum CRC8 {
    static func checksum(_ bytes: ArraySlice<UInt8>, initial: UInt8) -> UInt8 {
        var crc = initial
        for byte in bytes {
            crc ^= byte
            for _ in 0..<8 { crc = crc & 0x80 == 0 ? crc << 1 : crc << 1 ^ 0x31 }
        }
        return crc
    }

    /// A big-endian number of two bytes, followed by its checksum.
    static func word(_ bytes: [UInt8], at place: Int, initial: UInt8) throws(SensorError) -> UInt16 {
        let received = bytes[place + 2]
        let expected = checksum(bytes[place..<(place + 2)], initial: initial)
        guard received == expected else {
            throw SensorError(
                "the checksum is \(Hexadecimal.prefixed(received)), not \(Hexadecimal.prefixed(expected)): noise on the bus, or another chip",
                isTransient: true
            )
        }
        return UInt16(bytes[place]) << 8 | UInt16(bytes[place + 1])
    }
}

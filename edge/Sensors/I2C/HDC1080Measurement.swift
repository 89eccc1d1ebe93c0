internal import Text

/// Texas Instruments HDC1080 (SNAS672A, sections 8.5 and 8.6): temperature and humidity at 14 bits in one measurement. The chip sends no
/// checksum.
struct HDC1080Measurement: I2CMeasurement {
    private var isPrepared = false

    mutating func measure(_ device: I2CDevice) throws(SensorError) -> Sample {
        if !isPrepared {
            let id = try device.read(register: 0xFF, 2)
            guard id == [0x10, 0x50] else {
                throw SensorError("the device id is \(id.map(Hexadecimal.prefixed).joined(separator: " ")), an HDC1080 has 0x10 0x50")
            }
            try device.write([0x02, 0x10, 0x00])  // heater off, humidity measured after temperature
            isPrepared = true
        }
        try device.write([0x00])
        device.pause(milliseconds: 15)  // 6.35 + 6.50; the chip does not answer sooner
        return Self.decode(try device.read(4))
    }

    static func decode(_ bytes: [UInt8]) -> Sample {
        func fraction(_ index: Int) -> Double { Double(UInt16(bytes[index]) << 8 | UInt16(bytes[index + 1])) / 65_536 }
        return .converted(percent: 100 * fraction(2), celsius: 165 * fraction(0) - 40)
    }
}

internal import Text

/// Bosch BME280 (BST-BME280-DS002, sections 3, 4.2.3, 5 and 9.1): one forced measurement without oversampling. The chip sends no checksum.
struct BME280Measurement: I2CMeasurement {
    private var calibration: BME280Calibration?

    mutating func measure(_ device: I2CDevice) throws(SensorError) -> Sample {
        let calibration = if let known = self.calibration { known } else { try read(device) }
        self.calibration = calibration
        try device.write([0xF2, 0x01])  // humidity once; takes effect with the next write
        try device.write([0xF4, 0x25])  // temperature and pressure once, start
        device.pause(milliseconds: 10)  // at most 1.25 + 2.3 + 2.875 + 2.875
        try device.wait(tries: 10, milliseconds: 2) { (device) throws(SensorError) in try device.read(register: 0xF3, 1)[0] & 0x08 != 0 }
        return try Self.decode(try device.read(register: 0xF7, 8), calibration)
    }

    private func read(_ device: I2CDevice) throws(SensorError) -> BME280Calibration {
        let id = try device.read(register: 0xD0, 1)[0]
        guard id == 0x60 else {
            let what = id == 0x58 ? "a BMP280, which has no humidity" : "not a BME280"
            throw SensorError("the chip id is \(Hexadecimal.prefixed(id)): \(what)")
        }
        return BME280Calibration(first: try device.read(register: 0x88, 26), second: try device.read(register: 0xE1, 7))
    }

    /// Three bytes of pressure, three of temperature, two of humidity.
    static func decode(_ bytes: [UInt8], _ calibration: BME280Calibration) throws(SensorError) -> Sample {
        func twentyBitValue(_ index: Int) -> Int32 { Int32(bytes[index]) << 12 | Int32(bytes[index + 1]) << 4 | Int32(bytes[index + 2]) >> 4 }
        let humidity = Int32(bytes[6]) << 8 | Int32(bytes[7])
        guard humidity != 0x8000, twentyBitValue(3) != 0x80000 else {
            throw SensorError("the chip has not measured: another program may have put it to sleep", isTransient: true)
        }
        let (hundredths, fine) = calibration.temperature(twentyBitValue(3))
        return .converted(
            percent: Double(calibration.humidity(humidity, fine: fine)) / 1_024, celsius: Double(hundredths) / 100,
            pressurePa: twentyBitValue(0) == 0x80000 ? nil : Double(calibration.pressure(twentyBitValue(0), fine: fine)) / 256)
    }
}

/// The calibration values of one BME280 (section 4.2.2), and the integer compensation of section 4.2.3.
struct BME280Calibration: Sendable, Equatable {
    var t1: UInt16, t2: Int16, t3: Int16
    var p1: UInt16, p: [Int16]  // P2 to P9
    var h1: UInt8, h2: Int16, h3: UInt8, h4: Int16, h5: Int16, h6: Int8
}

extension BME280Calibration {
    /// - Parameters:
    ///   - first: the registers 0x88 to 0xA1.
    ///   - second: 0xE1 to 0xE7.
    init(first: [UInt8], second: [UInt8]) {
        func word(_ bytes: [UInt8], _ index: Int) -> UInt16 { UInt16(bytes[index]) | UInt16(bytes[index + 1]) << 8 }
        func signed(_ bytes: [UInt8], _ index: Int) -> Int16 { Int16(bitPattern: word(bytes, index)) }
        // Two 12-bit numbers share the middle byte.
        let h4 = Int16(Int8(bitPattern: second[3])) << 4 | Int16(second[4] & 0x0F)
        let h5 = Int16(Int8(bitPattern: second[5])) << 4 | Int16(second[4] >> 4)
        self.init(
            t1: word(first, 0), t2: signed(first, 2), t3: signed(first, 4), p1: word(first, 6), p: (1...8).map { signed(first, 6 + 2 * $0) },
            h1: first[25], h2: signed(second, 0), h3: second[2], h4: h4, h5: h5, h6: Int8(bitPattern: second[6]))
    }

    /// - Returns: hundredths of a degree, and the fine temperature that `pressure` and `humidity` need.
    func temperature(_ raw: Int32) -> (hundredths: Int32, fine: Int32) {
        let coarse = (((raw >> 3) &- (Int32(t1) << 1)) &* Int32(t2)) >> 11
        let off = (raw >> 4) &- Int32(t1)
        let fine = coarse &+ ((((off &* off) >> 12) &* Int32(t3)) >> 14)
        return ((fine &* 5 &+ 128) >> 8, fine)
    }

    /// - Returns: 1/256 Pa.
    func pressure(_ raw: Int32, fine: Int32) -> Int64 {
        let p = p.map(Int64.init)
        let t = Int64(fine) - 128_000
        let b = (t &* t &* p[4]) &+ ((t &* p[3]) << 17) &+ (p[2] << 35)
        let slope = ((t &* t &* p[1]) >> 8) &+ ((t &* p[0]) << 12)
        let a = (((1 << 47) &+ slope) &* Int64(p1)) >> 33
        guard a != 0 else { return 0 }
        var value = ((((1_048_576 - Int64(raw)) << 31) &- b) &* 3_125) / a
        let square = (p[7] &* (value >> 13) &* (value >> 13)) >> 25
        let line = (p[6] &* value) >> 19
        value = value &+ square &+ line
        return (value >> 8) &+ (p[5] << 4)
    }

    /// - Returns: 1/1024 %, not yet clamped to 0 to 100 %.
    func humidity(_ raw: Int32, fine: Int32) -> Int32 {
        let t = fine &- 76_800
        let bend = ((t &* Int32(h6)) >> 10) &* (((t &* Int32(h3)) >> 11) &+ 32_768)
        let slope = (((bend >> 10) &+ 2_097_152) &* Int32(h2) &+ 8_192) >> 14
        let offset = ((raw << 14) &- (Int32(h4) << 20) &- (Int32(h5) &* t) &+ 16_384) >> 15
        let v = offset &* slope
        return (v &- (((((v >> 15) &* (v >> 15)) >> 7) &* Int32(h1)) >> 4)) >> 12
    }
}

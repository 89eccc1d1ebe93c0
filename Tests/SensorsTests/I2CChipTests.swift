import Measures
@testable import Sensors
import Testing

@Suite struct I2CChipTests {
    // Check values: Sensirion's data sheets give 0xBE 0xEF (initial 0xFF); TE's HTU21D 0xDC, 0x683A and 0x4E85 (initial 0).
    @Test(
        arguments: [([0xBE, 0xEF], 0xFF, 0x92), ([0xDC], 0, 0x79), ([0x68, 0x3A], 0, 0x7C), ([0x4E, 0x85], 0, 0x6B)] as [([UInt8], UInt8, UInt8)])
    func `checksums match the data sheets`(bytes: [UInt8], initial: UInt8, crc: UInt8) {
        #expect(CRC8.checksum(bytes[...], initial: initial) == crc)
    }

    private func framed(_ temperature: UInt16, _ humidity: UInt16) -> [UInt8] {
        [temperature, humidity].flatMap { word -> [UInt8] in
            let bytes = [UInt8(word >> 8), UInt8(word & 0xFF)]
            return bytes + [CRC8.checksum(bytes[...], initial: 0xFF)]
        }
    }

    /// The ends and the middle of T = −45 + 175 S / 65535, RH = 100 S / 65535 (SHT3x) and −6 + 125 S / 65535 (SHT4x).
    @Test func `SHT3x and SHT4x convert over their full range, and values beyond the range are kept and flagged`() throws {
        #expect(try SHT3xMeasurement.decode(framed(0, 0xFFFF)) == Sample(humidityMpct: 100_000, temperatureMc: -45_000))
        #expect(try SHT3xMeasurement.decode(framed(0x6666, 0x8000)) == Sample(humidityMpct: 50_001, temperatureMc: 25_000))
        #expect(try SHT4xMeasurement.decode(framed(0xFFFF, 0x8000)) == Sample(humidityMpct: 56_501, temperatureMc: 130_000))
        #expect(try SHT4xMeasurement.decode(framed(0x6666, 0xFFFF)) == Sample(humidityMpct: 119_000, temperatureMc: 25_000, flags: .clamped))
        #expect(try SHT4xMeasurement.decode(framed(0x6666, 0)) == Sample(humidityMpct: -6_000, temperatureMc: 25_000, flags: .clamped))
    }

    @Test func `any flipped bit fails the checksum`() throws {
        let good = framed(0x6666, 0x8000)
        for place in 0..<(6 * 8) {
            var bytes = good
            bytes[place / 8] ^= 1 << (place % 8)
            #expect(throws: SensorError.self) { try SHT3xMeasurement.decode(bytes) }
        }
    }

    /// The data sheet's checksum examples (HPC199_6, section on CRC): 0x4E85 is 32.3 %, 0x683A is 24.7 °C, with 0x6B and 0x7C behind them.
    @Test func `HTU21D and Si7021 convert as in the examples, without the status bits`() throws {
        let sample = try HTU21DMeasurement.decode(humidity: [0x4E, 0x85, 0x6B], temperature: [0x68, 0x3A, 0x7C])
        #expect(abs((sample.humidityMpct ?? 0) - 32_300) <= 50 && abs((sample.temperatureMc ?? 0) - 24_700) <= 50 && sample.flags == [])
        #expect(throws: SensorError.self) { try HTU21DMeasurement.decode(humidity: [0x4E, 0x85, 0x6B], temperature: [0x68, 0x3A, 0x7D]) }
    }

    /// RH = S / 2²⁰, T = 200 S / 2²⁰ − 50.
    @Test func `AHT20 converts two values of 20 bits, AHT10 has no checksum, and busy or zero values are errors`() throws {
        func bytes(_ status: UInt8, _ humidity: UInt32, _ temperature: UInt32) -> [UInt8] {
            let six = [
                status, UInt8(humidity >> 12), UInt8(humidity >> 4 & 0xFF), UInt8(humidity & 0xF) << 4 | UInt8(temperature >> 16),
                UInt8(temperature >> 8 & 0xFF), UInt8(temperature & 0xFF),
            ]
            return six + [CRC8.checksum(six[...], initial: 0xFF)]
        }
        #expect(try AHTMeasurement.decode(bytes(0x18, 0x80000, 0x60000), hasChecksum: true) == Sample(humidityMpct: 50_000, temperatureMc: 25_000))
        #expect(try AHTMeasurement.decode(bytes(0x18, 0xFFFFF, 0x0000F), hasChecksum: true) == Sample(humidityMpct: 100_000, temperatureMc: -49_997))
        #expect(try AHTMeasurement.decode(Array(bytes(0x18, 0x12345, 0x54321).dropLast()), hasChecksum: false).humidityMpct == 7_111)
        for bad in [bytes(0x98, 0x80000, 0x60000), bytes(0x18, 0, 0x60000), bytes(0x18, 0x80000, 0x60000).dropLast() + [0]] {
            #expect(throws: SensorError.self) { try AHTMeasurement.decode(bad, hasChecksum: true) }
        }
    }

    /// RH = 100 S / 2¹⁶, T = 165 S / 2¹⁶ − 40.
    @Test func `HDC1080 converts as in its data sheet`() {
        #expect(HDC1080Measurement.decode([0x66, 0x66, 0x80, 0x00]) == Sample(humidityMpct: 50_000, temperatureMc: 25_999))
        #expect(HDC1080Measurement.decode([0, 0, 0, 0]) == Sample(humidityMpct: 0, temperatureMc: -40_000))
    }
}

@Suite struct BME280Tests {
    /// The data sheet of the BMP280 (section 3.12, the same compensation) has an example: 25.08 °C, 100653.27 Pa.
    private let example = BME280Calibration(
        t1: 27_504, t2: 26_435, t3: -1_000, p1: 36_477, p: [-10_685, 3_024, 2_855, 140, -7, 15_500, -14_600, 6_000], h1: 75, h2: 355, h3: 0,
        h4: 340, h5: 50, h6: 30)

    @Test func `temperature and pressure match the data sheet's example`() {
        let (hundredths, fine) = example.temperature(519_888)
        #expect(hundredths == 2_508 && fine == 128_422)
        #expect(abs(Double(example.pressure(415_148, fine: fine)) / 256 - 100_653.27) < 0.1)
    }

    /// The floating-point compensation (data sheet, section 8.1), implemented independently.
    private func humidity(_ raw: Int32, fine: Int32, _ c: BME280Calibration) -> Double {
        let t = Double(fine) - 76_800
        let offset = Double(raw) - (Double(c.h4) * 64 + Double(c.h5) / 16_384 * t)
        let slope = Double(c.h2) / 65_536 * (1 + Double(c.h6) / 67_108_864 * t * (1 + Double(c.h3) / 67_108_864 * t))
        let linear = offset * slope
        return linear * (1 - Double(c.h1) * linear / 524_288)
    }

    @Test(arguments: [-20_000, 60_000, 128_422, 300_000] as [Int32])
    func `the integer humidity agrees with the floating-point humidity to 0.02 %`(fine: Int32) {
        for raw: Int32 in stride(from: 23_000, through: 42_000, by: 137) {
            let percent = Double(example.humidity(raw, fine: fine)) / 1_024
            #expect(abs(percent - humidity(raw, fine: fine, example)) < 0.02, "raw \(raw): \(percent)")
        }
    }

    @Test func `the calibration is read from the registers, including two values that share a byte`() {
        func words(_ values: [Int32]) -> [UInt8] { values.flatMap { [UInt8(truncatingIfNeeded: $0), UInt8(truncatingIfNeeded: $0 >> 8)] } }
        let first = words([27_504, 26_435, -1_000, 36_477, -10_685, 3_024, 2_855, 140, -7, 15_500, -14_600, 6_000]) + [0, 75]
        // h4 = 0x154 (340), h5 = 0x032 (50)
        #expect(BME280Calibration(first: first, second: [0x63, 0x01, 0, 0x15, 0x24, 0x03, 30]) == example)
        let negative = BME280Calibration(first: first, second: [0x63, 0x01, 0, 0xFF, 0xEF, 0xFE, 0xE2])
        #expect(negative.h4 == -1 && negative.h5 == -18 && negative.h6 == -30)
    }

    @Test func `a measurement is decoded, and a missing measurement is an error`() throws {
        let bytes: [UInt8] = [0x65, 0x5A, 0xC0, 0x7E, 0xED, 0x00, 0x75, 0x30]
        let sample = try BME280Measurement.decode(bytes, example)
        #expect(sample.temperatureMc == 25_080 && sample.pressurePa == 100_653)
        #expect(abs(Double(sample.humidityMpct ?? 0) / 1_000 - humidity(0x7530, fine: 128_422, example)) < 0.02)
        #expect(throws: SensorError.self) { try BME280Measurement.decode([0x80, 0, 0, 0x80, 0, 0, 0x80, 0], example) }
    }
}

@Suite struct I2CAddressTests {
    @Test func `an I2C address is parsed and printed unchanged`() throws {
        #expect(try SensorSpec("i2c:sht4x@1:0x44") == .i2c(I2CAddress(chip: .sht4x, bus: 1, address: 0x44)))
        #expect(try "\(SensorSpec("i2c:bme280@0:0x77"))" == "i2c:bme280@0:0x77")
        #expect(try SensorSpec("i2c:si7021@1") == .i2c(I2CAddress(chip: .si7021, bus: 1, address: 0x40)))
    }

    @Test(arguments: [
        ("i2c:sht4x", "expected i2c:CHIP@BUS:ADDRESS"), ("i2c:sht4x@1", "0x44 or 0x45 or 0x46"), ("i2c:sht9@1:0x44", "«sht9» is not a chip: sht3x,"),
        ("i2c:sht4x@1:44", "«44» is not an address"), ("i2c:sht4x@1:0x48", "never at 0x48"), ("i2c:sht4x@999:0x44", "expected"),
        ("i2c:sht4x@1:0x44:0", "expected"), ("i2c:sht4x@-1:0x44", "expected"), ("i2c:", "expected one of"),
    ])
    func `any other address is refused with the expected form`(text: String, words: String) {
        let error = #expect(throws: SensorError.self) { try SensorSpec(text) }
        #expect(error?.description.contains(words) == true, "\(error?.description ?? "")")
    }
}

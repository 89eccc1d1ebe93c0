import Foundation
import Testing

/// The program makes real system calls on a /dev/i2c-1 whose chips follow the protocols and times of their data sheets (Tests/sensors/fake_bus.py).
@Suite struct I2CSensorTests {
    private static let bus = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().path + "/sensors/fake_bus.py"

    private struct BatchAcknowledgement {
        let code: Int32
        let lines: [[String: Any]]
        let errors: String
        let touched: [String: [String: Int]]
    }

    private func read(_ sensor: String, chips: [String], count: Int = 1, _ options: [String] = []) throws -> BatchAcknowledgement {
        let words =
            ["/usr/bin/python3", Self.bus] + options + chips.flatMap { ["--chip", $0] }
            + ["--", "\(RunningProgram.binaries)/vaho-edge", "read", sensor, "--count", "\(count)", "--format", "json"]
        let result = try RunningProgram.run(program: "/usr/bin/umockdev-wrapper", words, environment: [:])
        let lines = try result.output.split(separator: "\n").map { try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any] ?? [:] }
        let tally = result.errors.split(separator: "\n").last ?? ""
        return BatchAcknowledgement(
            code: result.code, lines: lines, errors: result.errors,
            touched: try JSONSerialization.jsonObject(with: Data(tally.utf8)) as? [String: [String: Int]] ?? [:])
    }

    // Raw words from the data sheets' formulas; TE's examples for the HTU21D (24.7 °C, 32.3 %), Bosch's for temperature and pressure.
    @Test(arguments: [
        ("sht3x", "0x44", "6666,8000", 50.001, 25.0), ("sht4x", "0x45", "6666,8000", 56.501, 25.0), ("aht20", "0x38", "60000,80000", 50, 25),
        ("aht10", "0x39", "60000,80000", 50, 25), ("hdc1080", "0x40", "6666,8000", 50, 25.999), ("htu21d", "0x40", "6838,4E84", 32.338, 24.686),
        ("si7021", "0x40", "6666,8000", 56.5, 23.432), ("bme280", "0x76", "655AC,7EED0,7530", 44.502, 25.08),
    ])
    func `a chip is read twice by its data sheet's protocol, and no other address is touched`(
        chip: String, address: String, words: String, percent: Double, celsius: Double
    ) throws {
        let answer = try read("i2c:\(chip)@1:\(address)", chips: ["\(chip)@\(address)=\(words)"], count: 2)
        #expect(answer.code == 0, "\(answer.errors)")
        #expect(answer.lines.count == 2)
        for line in answer.lines {
            #expect(line["humidity_pct"] as? Double == percent)
            #expect(line["temperature_c"] as? Double == celsius)
            #expect((line["flags"] as? [String])?.isEmpty == true)
            #expect(line["dew_point_c"] as? Double != nil)
        }
        #expect(Array(answer.touched.keys) == [address])
        if chip == "bme280" { #expect(answer.lines.first?["pressure_hpa"] as? Double == 1_006.53) }
    }

    @Test(arguments: [["--fail", "1:EIO"], ["--fail", "2:EREMOTEIO"], ["--fail", "3:ETIMEDOUT"], ["--flip", "1"]])
    func `a failed transfer or a wrong checksum is retried`(fault: [String]) throws {
        let answer = try read("i2c:sht3x@1:0x44", chips: ["sht3x@0x44=6666,8000"], fault)
        #expect(answer.code == 0, "\(answer.errors)")
        #expect(answer.lines.first?["humidity_pct"] as? Double == 50.001)
    }

    @Test func `a missing chip is reported with what to check, and only the named address is used`() throws {
        let answer = try read("i2c:sht4x@1:0x44", chips: ["sht4x@0x45=6666,8000"])
        #expect(answer.code == 1)
        #expect(answer.errors.contains("/dev/i2c-1 at 0x44: no chip answers"))
        #expect(answer.errors.contains("wired, powered"))
        #expect(Array(answer.touched.keys) == ["0x44"])
    }

    @Test func `a wrong chip at the address is recognised by its id or its checksum`() throws {
        for (sensor, chip, words) in [
            ("bme280@1:0x76", "bmp280@0x76=655AC,7EED0,0", "0x58: a BMP280, which has no humidity"),
            ("hdc1080@1:0x40", "hdc1000@0x40=6666,8000", "the device id is 0x10 0x00, an HDC1080 has 0x10 0x50"),
            ("htu21d@1:0x40", "hdc1080@0x40=6666,8000", "hdc1080, si7021 may have this address too"),
            ("sht3x@1:0x44", "noisy@0x44=6666,8000", "noise on the bus, or another chip"),
        ] {
            let other = try read("i2c:\(sensor)", chips: [chip])
            #expect(other.code == 1 && other.lines.isEmpty && other.errors.contains(words), "\(other.errors)")
        }
    }

    @Test func `a chip that stays busy is reset and then measures`() throws {
        let answer = try read("i2c:aht20@1:0x38", chips: ["stuck@0x38=60000,80000"])
        #expect(answer.code == 0 && answer.lines.first?["humidity_pct"] as? Double == 50, "\(answer.errors)")
    }
}

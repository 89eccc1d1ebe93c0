import Signing
import Testing
import TrustedReleases

@Suite struct DeviceSettingsTextTests {
    private func key(_ byte: UInt8) throws -> PrivateKey { try PrivateKey(seed: [UInt8](repeating: byte, count: 32)) }

    private func signed() throws -> DeviceSettingsText {
        var text = DeviceSettingsText(
            device: "attic", serial: 7, settings: ["VAHO_SAMPLE_PERIOD_SECONDS": "30", "VAHO_RULE_DAMP": "humidity above 70 % for 30 min"])
        try text.sign(with: key(1))
        return text
    }

    @Test func `signed settings are read back unchanged, and any flipped bit is refused`() throws {
        let text = try signed()
        let keys = [try key(1).publicKey]
        let read = try DeviceSettingsText(text.text)
        #expect(read == text && read.isSigned(by: keys) && read.settings["VAHO_RULE_DAMP"] == "humidity above 70 % for 30 min")
        #expect(!read.isSigned(by: [try key(2).publicKey]) && !read.isSigned(by: []))
        let bytes = Array(text.text.utf8)
        for place in bytes.indices {
            for bit in 0..<8 as Range<UInt8> {
                var changed = bytes
                changed[place] ^= 1 << bit
                let isAccepted = (try? DeviceSettingsText(String(decoding: changed, as: UTF8.self)))?.isSigned(by: keys) ?? false
                #expect(!isAccepted, "bit \(bit) of byte \(place)")
            }
        }
        for length in 0..<bytes.count {
            let isAccepted = (try? DeviceSettingsText(String(decoding: bytes.prefix(length), as: UTF8.self)))?.isSigned(by: keys) ?? false
            #expect(!isAccepted, "\(length) bytes")
        }
        #expect(throws: DeviceSettingsRefusal.self) { try DeviceSettingsText(text.text + String(repeating: "VAHO_X=1\n", count: 2_000)) }
    }

    @Test(
        arguments: [
            ("VAHO_SAMPLE_PERIOD_SECONDS", "60", true), ("VAHO_SAMPLE_PERIOD_SECONDS", "0", false), ("VAHO_SAMPLE_PERIOD_SECONDS", "often", false),
            ("VAHO_PLACE_AIR", "Depot 2, shelf 7", true), ("VAHO_PLACE_AIR", "two\nlines", false), ("VAHO_PLACE_", "x", false),
            ("VAHO_RULE_DAMP", "humidity above 70 %", true), ("VAHO_SURFACE_AIR", "12.5", true), ("VAHO_CALIBRATION_AIR", "1.02 -0.5", true),
            ("VAHO_CALIBRATION_AIR", "3 0", false), ("VAHO_CALIBRATION_AIR", "1.02", false), ("VAHO_SENSOR_AIR", "command:/bin/sh", false),
            ("VAHO_ALARM_COMMAND", "/bin/sh", false), ("VAHO_CLOUD_URL", "http://evil.example", false), ("VAHO_TOKEN_FILE", "/etc/shadow", false),
            ("VAHO_RULE_DAMP", "", false), ("VAHO_RULE_DAMP", " padded ", false), ("PATH", "/tmp", false),
        ])
    func `no setting from the cloud can name a file, a program, an address or a sensor's kind`(name: String, value: String, isAllowed: Bool) {
        #expect((RemoteSetting.problem(with: name, value) == nil) == isAllowed, "\(RemoteSetting.problem(with: name, value) ?? "")")
    }
}

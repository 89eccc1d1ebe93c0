package import Signing
internal import Text

/// The settings of one device that an admin has chosen in the cloud, in a numbered and signed text:
///
///     vaho settings 1
///     device attic
///     serial 1795957746
///     VAHO_SAMPLE_PERIOD_SECONDS=60                one line for each setting, in the order of the names
///     signature KEY-ID 128 hexadecimal digits      Ed25519 of all lines before, by a key that signs releases
package struct DeviceSettingsText: Sendable, Equatable {
    package static let byteLimit = 16_384
    private static let heading = "vaho settings 1\n"

    package let device: String
    package let serial: UInt64
    package let settings: [String: String]
    private var signature: (keyID: [UInt8], bytes: [UInt8])?

    package static func == (a: Self, b: Self) -> Bool { a.text == b.text }

    package init(device: String, serial: UInt64, settings: [String: String]) {
        (self.device, self.serial, self.settings) = (device, serial, settings)
    }

    private var signedText: String {
        settings.sorted { $0.key < $1.key }.reduce(Self.heading + "device \(device)\nserial \(serial)\n") { $0 + "\($1.key)=\($1.value)\n" }
    }

    package var text: String {
        signedText + (signature.map { "signature \(Hexadecimal.text($0.keyID)) \(Hexadecimal.text($0.bytes))\n" } ?? "")
    }

    package mutating func sign(with key: PrivateKey) throws(SigningError) {
        signature = (key.publicKey.id, try key.signature(of: Array(signedText.utf8)))
    }

    package func isSigned(by keys: [PublicKey]) -> Bool {
        guard let signature else { return false }
        return keys.contains { $0.id == signature.keyID && $0.isValid(signature.bytes, of: Array(signedText.utf8)) }
    }

    /// Reads a text. Does not verify the signature.
    package init(_ text: String) throws(DeviceSettingsRefusal) {
        guard text.utf8.count <= Self.byteLimit, text.hasPrefix(Self.heading) else { throw .format }
        var (device, serial, settings) = ("", UInt64(0), [String: String]())
        var signature: (keyID: [UInt8], bytes: [UInt8])?
        for line in text.dropFirst(Self.heading.count).split(separator: "\n") {
            if line.hasPrefix("VAHO_") {
                let parts = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                guard parts.count == 2 else { throw .format }
                settings[String(parts[0])] = String(parts[1])
                continue
            }
            let words = line.split(separator: " ")
            switch (words.first ?? "", words.count) {
            case ("device", 2): device = String(words[1])
            case ("serial", 2): serial = UInt64(words[1]) ?? 0
            case ("signature", 3): signature = Hexadecimal.bytes(words[1]).flatMap { id in Hexadecimal.bytes(words[2]).map { (id, $0) } }
            default: throw .format
            }
        }
        self.init(device: device, serial: serial, settings: settings)
        self.signature = signature
        // The signature is checked against the text as written from the fields. So a text in another form is refused, such as one with repeated lines.
        guard self.text == text else { throw .format }
    }
}

/// Why a device does not take settings from the cloud.
package enum DeviceSettingsRefusal: Error, Equatable, CustomStringConvertible {
    case format
    case otherDevice(String)
    case serial(offered: UInt64, accepted: UInt64)
    case signature
    case notAllowed(String)
    case invalid(String)

    package var description: String {
        switch self {
        case .format: "the settings are not in the form that vaho-cloud writes"
        case .otherDevice(let name): "the settings are for the device \(name)"
        case .serial(let offered, let accepted):
            "the serial \(offered) of the new settings is not above \(accepted), the serial of the settings in use"
        case .signature: "the settings are not signed by a key that this device trusts"
        case .notAllowed(let name): "\(name) can be set on the device only"
        case .invalid(let problem): problem
        }
    }
}

/// The settings that an admin may change from the cloud: none that names a file, a program, an address or a secret.
package enum RemoteSetting {
    package static let settingLimit = 100
    private static let valueLimit = 300  // bytes

    /// Whole numbers with their ranges, as in the device's own configuration.
    private static let numbers: [String: ClosedRange<Int>] = [
        "VAHO_SAMPLE_PERIOD_SECONDS": 1...86_400, "VAHO_COMMIT_PERIOD_SECONDS": 0...3_600, "VAHO_SYNC_PERIOD_SECONDS": 1...86_400,
        "VAHO_RETENTION_DAYS": 1...3_650, "VAHO_STORE_LIMIT_MB": 4...100_000,
    ]
    package static let calibration = "VAHO_CALIBRATION_"
    private static let families = ["VAHO_PLACE_", "VAHO_SURFACE_", "VAHO_RULE_", calibration]

    package static var syntax: String {
        numbers.keys.sorted().joined(separator: ", ") + ", and VAHO_PLACE_SENSOR, VAHO_SURFACE_SENSOR, VAHO_RULE_NAME, VAHO_CALIBRATION_SENSOR"
    }

    package static func isAllowed(_ name: String) -> Bool {
        numbers[name] != nil || families.contains { name.hasPrefix($0) && isName(name.dropFirst($0.utf8.count)) }
    }

    private static func isName(_ text: Substring) -> Bool {
        (1...32).contains(text.utf8.count) && text.utf8.allSatisfy { (65...90).contains($0) || (48...57).contains($0) || $0 == 95 || $0 == 45 }
    }

    /// - Returns: the reason why the setting is invalid; `nil` if it is valid.
    package static func problem(with name: String, _ value: String) -> String? {
        guard isAllowed(name) else { return "\(name.prefix(80)) cannot be set from the cloud: allowed are \(syntax)" }
        guard value.utf8.count <= valueLimit, PrintableText.line(value, limit: valueLimit) == value, value.trimmingBlanks() == value, !value.isEmpty
        else {
            return "\(name): expected one line of at most \(valueLimit) bytes"
        }
        if let range = numbers[name], Int(value).map(range.contains) != true {
            return "\(name)=\(value): expected a whole number from \(range.lowerBound) to \(range.upperBound)"
        }
        if name.hasPrefix(calibration), RemoteCalibration(value) == nil {
            return "\(name)=\(value): expected gain and offset, such as «1.02 -0.5»: a gain of 0.5 to 2, an offset of -50 to 50 %"
        }
        return nil
    }
}

/// The value of `VAHO_CALIBRATION_SENSOR`: gain and offset, as of `Calibration`.
package struct RemoteCalibration: Sendable, Equatable {
    package let gainPpm: Int32
    package let offsetMpct: Int32

    package init?(_ text: String) {
        let numbers = text.split(separator: " ").map { NumberText.decimal(String($0)) }
        guard numbers.count == 2, let gain = numbers[0], let offset = numbers[1], (0.5...2).contains(gain), (-50...50).contains(offset) else {
            return nil
        }
        (gainPpm, offsetMpct) = (Int32(gain * 1_000_000 + 0.5), Int32(offset * 1_000 + (offset < 0 ? -0.5 : 0.5)))
    }
}

/// The name of a device: 1 to 64 of `a-z 0-9 . _ -`, beginning with a letter or digit; safe in a path and a URL.
package struct DeviceID: Sendable, Hashable, CustomStringConvertible {
    package let name: String
    package init?(_ name: String) {
        guard Name.isValid(name, limit: 64, punctuation: "._-") else { return nil }
        self.name = name
    }
    package var description: String { name }
    package static let syntax = "1 to 64 of a-z, 0-9, '.', '_' and '-', beginning with a letter or digit"
}

/// The name of a sensor on its device: 1 to 32 of `a-z 0-9 _ -`, beginning with a letter or digit.
package struct SensorName: Sendable, Hashable, CustomStringConvertible {
    package let name: String
    package init?(_ name: String) {
        guard Name.isValid(name, limit: 32, punctuation: "_-") else { return nil }
        self.name = name
    }
    package var description: String { name }
    package static let syntax = "1 to 32 of a-z, 0-9, '_' and '-', beginning with a letter or digit"
}

private enum Name {
    static func isValid(_ name: String, limit: Int, punctuation: String) -> Bool {
        guard let first = name.utf8.first, name.utf8.count <= limit else { return false }
        func isAlphanumeric(_ byte: UInt8) -> Bool { (97...122).contains(byte) || (48...57).contains(byte) }
        return isAlphanumeric(first)
            && name.utf8.allSatisfy { byte in isAlphanumeric(byte) || punctuation.utf8.contains { $0 == byte } }
    }
}

/// The identity of one lifetime of a device's store: 64 random bits, written as 16 hexadecimal digits.
package struct Epoch: Sendable, Hashable, CustomStringConvertible {
    package let bits: UInt64
    package init(bits: UInt64) { self.bits = bits }

    /// The epoch of devices that only post plain readings; the server assigns the sequences of these readings.
    package static let server = Epoch(bits: 0)

    package init?(hex: String) {
        guard hex.utf8.count == 16, let bits = UInt64(hex, radix: 16), hex.utf8.first != 43 else { return nil }
        self.bits = bits
    }

    package var description: String {
        let digits = String(bits, radix: 16)
        return String(repeating: "0", count: 16 - digits.utf8.count) + digits
    }
}

package import Bytes
package import Measures

/// The cloud's response to a device's one-time code: the device's id, its token, and the keys that sign releases. When only the token is renewed,
/// the keys are empty.
///
/// `application/vnd.vaho.enrolment`, version 1: magic, version, three length-prefixed texts, CRC-32C.
package struct Enrolment: Sendable, Equatable {
    package static let mediaType = "application/vnd.vaho.enrolment"
    private static let magic = Array("VAHE".utf8)

    package let device: DeviceID
    package let token: String
    package let releaseKeys: String  // a key file as text

    package init(device: DeviceID, token: String, releaseKeys: String) {
        self.device = device
        self.token = token
        self.releaseKeys = releaseKeys
    }

    package func binary() -> [UInt8] {
        var writer = ByteWriter()
        writer.raw(Enrolment.magic)
        writer.byte(1)
        for text in [device.name, token, releaseKeys] { writer.text(text) }
        writer.fixed(CRC32C.checksum(writer.bytes))
        return writer.bytes
    }

    package init(binary bytes: [UInt8]) throws(MalformedBytes) {
        guard bytes.count >= 9 else { throw MalformedBytes(at: bytes.count, "an enrolment has at least 9 bytes") }
        var checksum = ByteReader(bytes[(bytes.count - 4)...])
        guard try checksum.fixed(UInt32.self) == CRC32C.checksum(bytes[..<(bytes.count - 4)]) else {
            throw MalformedBytes(at: bytes.count - 4, "the enrolment's CRC-32C does not match")
        }
        var reader = ByteReader(bytes[..<(bytes.count - 4)])
        guard try reader.raw(4).elementsEqual(Enrolment.magic), try reader.byte() == 1 else {
            throw MalformedBytes(at: 0, "an enrolment of version 1 begins with VAHE")
        }
        guard let device = DeviceID(try reader.text(limit: 64)) else { throw MalformedBytes(at: 5, "a device's name is \(DeviceID.syntax)") }
        self.device = device
        token = try reader.text(limit: 512)
        releaseKeys = try reader.text(limit: 65_536)
        guard !token.isEmpty, token.utf8.allSatisfy({ $0 > 32 && $0 < 127 }) else { throw MalformedBytes(at: 5, "a token has no blanks") }
        try reader.expectEnd()
    }
}

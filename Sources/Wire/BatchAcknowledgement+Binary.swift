package import Bytes
internal import Measures

/// `application/vnd.vaho.answer`, version 1: magic, version, fields as varints in the order of the properties, CRC-32C.
extension BatchAcknowledgement {
    private static let magic = Array("VAHA".utf8)
    private static let version: UInt8 = 1

    package func binary() -> [UInt8] {
        var writer = ByteWriter()
        writer.raw(BatchAcknowledgement.magic)
        writer.byte(BatchAcknowledgement.version)
        writer.fixed(epoch.bits)
        writer.zigzag(through)
        writer.varint(UInt64(held.count))
        for range in held {
            writer.zigzag(range.lowerBound)
            writer.zigzag(range.upperBound)
        }
        writer.varint(UInt64(refused.count))
        for row in refused {
            writer.zigzag(row.sequence)
            writer.byte(row.reason.rawValue)
        }
        writer.varint(UInt64(conflicts.count))
        for sequence in conflicts { writer.zigzag(sequence) }
        for value in [next.delayMs, next.maxReadings, next.maxBytes] { writer.zigzag(value) }
        writer.byte((release == nil ? 0 : 1) | (wantsNewToken ? 2 : 0) | (hasDuplicateHost ? 4 : 0) | (settingsSerial == nil ? 0 : 8))
        if let release {
            writer.varint(release.counter)
            writer.raw(release.sha256)
        }
        if let settingsSerial { writer.varint(settingsSerial) }
        writer.fixed(CRC32C.checksum(writer.bytes))
        return writer.bytes
    }

    package init(binary bytes: [UInt8]) throws(MalformedBytes) {
        guard bytes.count >= 9 else { throw MalformedBytes(at: bytes.count, "an answer has at least 9 bytes") }
        var checksum = ByteReader(bytes[(bytes.count - 4)...])
        guard try checksum.fixed(UInt32.self) == CRC32C.checksum(bytes[..<(bytes.count - 4)]) else {
            throw MalformedBytes(at: bytes.count - 4, "the answer's CRC-32C does not match")
        }
        var reader = ByteReader(bytes[..<(bytes.count - 4)])
        guard try reader.raw(4).elementsEqual(BatchAcknowledgement.magic), try reader.byte() == BatchAcknowledgement.version else {
            throw MalformedBytes(at: 0, "an answer of version \(BatchAcknowledgement.version) begins with VAHA")
        }
        epoch = Epoch(bits: try reader.fixed())
        through = try BatchAcknowledgement.sequence(&reader, from: 0)
        held = []
        for _ in 0..<(try reader.count(upTo: BatchAcknowledgement.heldLimit)) {
            let (low, high) = (try BatchAcknowledgement.sequence(&reader, from: 1), try BatchAcknowledgement.sequence(&reader, from: 1))
            guard low >= 1, high >= low else { throw MalformedBytes(at: reader.offset, "a range ends before it begins") }
            held.append(low...high)
        }
        refused = []
        for _ in 0..<(try reader.count(upTo: BatchFormat.rowLimit)) {
            let sequence = try BatchAcknowledgement.sequence(&reader, from: 1)
            guard let reason = RefusedRow.Reason(rawValue: try reader.byte()) else { throw MalformedBytes(at: reader.offset, "a reason is unknown") }
            refused.append(RefusedRow(sequence: sequence, reason: reason))
        }
        conflicts = []
        for _ in 0..<(try reader.count(upTo: BatchFormat.rowLimit)) { conflicts.append(try BatchAcknowledgement.sequence(&reader, from: 1)) }
        next = Pacing(delayMs: try reader.zigzag(), maxReadings: try reader.zigzag(), maxBytes: try reader.zigzag())
        release = nil
        // Bit 0: a release follows, bit 1: a new token is requested, bit 2: two hosts send as this device, bit 3: the serial of settings follows.
        let further = try reader.byte()
        guard further < 16 else { throw MalformedBytes(at: reader.offset, "an unknown bit is set") }
        wantsNewToken = further & 2 != 0
        hasDuplicateHost = further & 4 != 0
        if further & 1 != 0 { release = ReleaseReference(counter: try reader.varint(), sha256: Array(try reader.raw(32))) }
        if further & 8 != 0 { settingsSerial = try reader.varint() }
        try reader.expectEnd()
    }

    /// A sequence of at most 2^53, so that no sum of sequences overflows.
    private static func sequence(_ reader: inout ByteReader, from least: Int64) throws(MalformedBytes) -> Int64 {
        let start = reader.offset
        let sequence = try reader.zigzag()
        guard (least...(1 << 53)).contains(sequence) else { throw MalformedBytes(at: start, "a sequence out of range") }
        return sequence
    }
}

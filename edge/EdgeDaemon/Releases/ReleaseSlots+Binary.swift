internal import Bytes
internal import Measures
internal import Wire

/// The slots as the bytes of a file: magic, version, the fields in order, CRC-32C.
extension ReleaseSlots {
    private static let magic = Array("VAHS".utf8)
    static let byteLimit = 16_384

    func binary() -> [UInt8] {
        var writer = ByteWriter()
        writer.raw(ReleaseSlots.magic)
        writer.byte(1)
        writer.varint(acceptedCounter)
        writer.byte(active == nil ? 0 : 1)
        if let active {
            writer.reference(active.name)
            writer.zigzag(active.since.ms)
        }
        writer.byte(lastGood == nil ? 0 : 1)
        if let lastGood { writer.reference(lastGood) }
        writer.varint(UInt64(rejected.count))
        for rejection in rejected { writer.rejection(rejection) }
        writer.varint(UInt64(starts.count))
        for start in starts {
            writer.varint(UInt64(start.boot))
            writer.zigzag(start.boottimeMs)
        }
        writer.fixed(CRC32C.checksum(writer.bytes))
        return writer.bytes
    }

    init(binary bytes: [UInt8]) throws(MalformedBytes) {
        guard bytes.count >= 9 else { throw MalformedBytes(at: bytes.count, "a file of release slots has at least 9 bytes") }
        var checksum = ByteReader(bytes[(bytes.count - 4)...])
        guard try checksum.fixed(UInt32.self) == CRC32C.checksum(bytes[..<(bytes.count - 4)]) else {
            throw MalformedBytes(at: bytes.count - 4, "the CRC-32C of the release slots does not match")
        }
        var reader = ByteReader(bytes[..<(bytes.count - 4)])
        guard try reader.raw(4).elementsEqual(ReleaseSlots.magic), try reader.byte() == 1 else {
            throw MalformedBytes(at: 0, "release slots of version 1 begin with VAHS")
        }
        let accepted = try reader.varint()
        var active: Active?
        if try reader.byte() == 1 { active = Active(name: try reader.reference(), since: Instant(ms: try reader.zigzag())) }
        let lastGood: ReleaseReference? = try reader.byte() == 1 ? try reader.reference() : nil
        var rejected: [ReleaseRejection] = []
        for _ in 0..<(try reader.count(upTo: 64)) { rejected.append(try reader.rejection()) }
        var starts: [Start] = []
        for _ in 0..<(try reader.count(upTo: 64)) {
            let boot: UInt32 = UInt32(clamping: try reader.varint())
            starts.append(Start(boot: boot, boottimeMs: try reader.zigzag()))
        }
        try reader.expectEnd()
        self.init(acceptedCounter: accepted, active: active, lastGood: lastGood, rejected: rejected, starts: starts)
    }
}

internal import Bytes
internal import SQLite
internal import Wire

/// Encodes the held and the undeliverable ranges of a life as one blob: first the held ranges, then the undeliverable ranges, as differences.
enum DeliveryCoding {
    static func bytes(_ life: Life) -> [UInt8] {
        var writer = ByteWriter()
        for ranges in [life.held, life.undeliverable] {
            writer.varint(UInt64(ranges.ranges.count))
            var last: Int64 = 0
            for range in ranges.ranges {
                writer.varint(UInt64(range.lowerBound - last))
                writer.varint(UInt64(range.upperBound - range.lowerBound))
                last = range.upperBound
            }
        }
        return writer.bytes
    }

    static func delivery(_ bytes: [UInt8]) throws(MalformedBytes) -> (held: HeldRanges, undeliverable: HeldRanges) {
        var reader = ByteReader(bytes)
        func ranges() throws(MalformedBytes) -> HeldRanges {
            var ranges = HeldRanges()
            var last = 0
            for _ in 0..<(try reader.count(upTo: 1 << 24)) {
                let first = last + (try reader.count(upTo: 1 << 40))
                last = first + (try reader.count(upTo: 1 << 40))
                guard first >= 1 else { throw MalformedBytes(at: reader.offset, "a range begins at 1 or later") }
                ranges.insert(Int64(first)...Int64(last))
            }
            return ranges
        }
        let delivery = (try ranges(), try ranges())
        try reader.expectEnd()
        return delivery
    }

    static func save(_ life: Life, in database: Connection) throws {
        let body = bytes(life)
        try database.run("INSERT OR REPLACE INTO delivery VALUES (?, ?, ?)", life.number, body, RowChecksum.of(key: life.number, body: body))
    }

    /// - Returns: `nil` if the life has no ranges or the ranges are damaged.
    static func read(_ life: Int64, in database: Connection) throws -> (held: HeldRanges, undeliverable: HeldRanges)? {
        var select = try database.prepare("SELECT body, checksum FROM delivery WHERE life = ?", life)
        guard try select.step() else { return nil }
        let body = select.blob(0)
        guard select.integer(1) == RowChecksum.of(key: life, body: body) else { return nil }
        return try? delivery(body)
    }
}

internal import Bytes
package import Measures

/// A checked binary batch whose readings are still packed. A server can store the batch without unpacking the readings.
package struct BatchFrame: Sendable {
    package let bytes: [UInt8]
    package let epoch: Epoch
    package let first: Int64
    package let rowCount: Int
    package let sensors: [SensorName]
    package let records: [(rowIndex: Int, record: Record)]  // `rowIndex`: index among the rows, increasing
    package let report: DeviceReport?
    private let readings: ArraySlice<UInt8>  // the packed columns
    private let reportStart: Int

    package var readingCount: Int { rowCount - records.count }
    package var last: Int64 { first + Int64(rowCount) - 1 }
    package var name: String { "\(epoch)/\(first)–\(last)" }

    /// Checks everything except the columns of the readings; `forEachReading` checks these.
    /// - Throws: `BatchRefusal` for any invalid bytes.
    package init(_ bytes: [UInt8]) throws(BatchRefusal) {
        do throws(MalformedBytes) {
            var start = ByteReader(bytes)
            guard try start.raw(4).elementsEqual(BatchFormat.magic) else { throw MalformedBytes(at: 0, "a batch begins with VAHB") }
            let version = Int(try start.byte())
            // The version is checked first, because everything after it, including the checksum, may differ in another version.
            if version != BatchFormat.version { throw MalformedBytes(at: -version - 1, "") }
            guard bytes.count >= 9 else { throw MalformedBytes(at: bytes.count, "the batch ends too early") }
            var checksum = ByteReader(bytes[(bytes.count - 4)...])
            guard try checksum.fixed(UInt32.self) == CRC32C.checksum(bytes[..<(bytes.count - 4)]) else { throw MalformedBytes(at: Int.max, "") }
            try self.init(bytes, ByteReader(bytes[5..<(bytes.count - 4)]))
        } catch {
            throw BatchFrame.refusal(error)
        }
    }

    private static func refusal(_ error: MalformedBytes) -> BatchRefusal {
        if error.offset == Int.max { return .checksum }
        if error.offset < 0 { return .version(-error.offset - 1) }
        return .malformed(pointer: "byte \(error.offset)", error.expected)
    }

    private init(_ bytes: [UInt8], _ start: ByteReader) throws(MalformedBytes) {
        var reader = start
        self.bytes = bytes
        epoch = Epoch(bits: try reader.fixed())
        let first = try reader.varint()
        guard (1...UInt64(1 << 53)).contains(first) else { throw MalformedBytes(at: reader.offset, "the first sequence is 1 or more") }
        self.first = Int64(first)
        rowCount = try reader.count(upTo: BatchFormat.rowLimit)
        guard self.first + Int64(max(0, rowCount - 1)) <= 1 << 53 else { throw MalformedBytes(at: reader.offset, "a sequence is at most 2^53") }
        var sensors: [SensorName] = []
        for _ in 0..<(try reader.count(upTo: BatchFormat.sensorLimit)) {
            let start = reader.offset
            guard let name = SensorName(try reader.text(limit: 32)) else {
                throw MalformedBytes(at: start, "a sensor's name is \(SensorName.syntax)")
            }
            sensors.append(name)
        }
        self.sensors = sensors
        var records: [(rowIndex: Int, record: Record)] = []
        for _ in 0..<(try reader.count(upTo: rowCount)) {
            let rowIndex = try reader.count(upTo: max(0, rowCount - 1))
            guard rowIndex > records.last?.rowIndex ?? -1 else {
                throw MalformedBytes(at: reader.offset, "records come in the order of their sequences")
            }
            records.append((rowIndex, try RecordCoding.record(from: &reader)))
        }
        self.records = records
        readings = try reader.blob(limit: BatchFormat.byteLimit)
        reportStart = reader.offset
        report = try reader.byte() == 1 ? try ReportCoding.report(try reader.blob(limit: 65_536)) : nil
        try reader.expectEnd()
        guard rowCount > 0 || report != nil else { throw MalformedBytes(at: reader.offset, "a batch has at least one row or a report") }
    }

    /// - Throws: `BatchRefusal` if the columns are invalid, possibly after some calls of `body`.
    package func forEachReading(_ body: (_ sensor: Int, Reading) -> Void) throws(BatchRefusal) {
        do throws(MalformedBytes) {
            var reader = ByteReader(readings)
            let decoder = try ReadingColumnsDecoder(rowCount - records.count, sensors: sensors.count, from: &reader)
            try decoder.forEach(body)
            try reader.expectEnd()
        } catch {
            throw BatchFrame.refusal(error)
        }
    }

    /// The same batch without its report, for storage in the log.
    package func withoutReport() -> [UInt8] {
        guard report != nil else { return bytes }
        var writer = ByteWriter(reserving: reportStart + 5)
        writer.raw(bytes[..<reportStart])
        writer.byte(0)
        writer.fixed(CRC32C.checksum(writer.bytes))
        return writer.bytes
    }
}

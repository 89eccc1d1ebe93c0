internal import Bytes
internal import Measures

/// `application/vnd.vaho.batch`, version 1; README, "The formats", has the same for readers.
///
/// A reading's columns are differences to the last reading of the same sensor; times are differences of differences.
extension Batch {
    private static let magic = Array("VAHB".utf8)

    package func binary() -> [UInt8] {
        var writer = ByteWriter(reserving: 64 + rows.count * 8)
        writer.raw(Batch.magic)
        writer.byte(UInt8(Batch.version))
        writer.fixed(epoch.bits)
        writer.varint(UInt64(first))
        writer.varint(UInt64(rows.count))
        writer.varint(UInt64(sensors.count))
        for sensor in sensors { writer.text(sensor.name) }

        var readings: [(sensor: Int, reading: Reading)] = []
        var records: [(place: Int, record: Record)] = []
        for (place, row) in rows.enumerated() {
            switch row {
            case .reading(let sensor, let reading): readings.append((sensor, reading))
            case .record(let record): records.append((place, record))
            }
        }
        writer.varint(UInt64(records.count))
        for (place, record) in records {
            writer.varint(UInt64(place))
            RecordCoding.write(record, to: &writer)
        }
        var columns = ReadingColumns(sensors: sensors.count)
        for (sensor, reading) in readings { columns.add(sensor, reading) }
        columns.write(to: &writer)
        if let report {
            writer.byte(1)
            writer.blob(ReportCoding.bytes(report))
        } else {
            writer.byte(0)
        }
        writer.fixed(CRC32C.checksum(writer.bytes))
        return writer.bytes
    }

    /// - Throws: `BatchRefusal`, whatever the bytes are.
    package init(binary bytes: [UInt8]) throws(BatchRefusal) {
        do throws(MalformedBytes) {
            var frame = ByteReader(bytes)
            guard try frame.raw(4).elementsEqual(Batch.magic) else { throw MalformedBytes(at: 0, "a batch begins with VAHB") }
            let version = Int(try frame.byte())
            // The version first: what follows, the checksum included, may differ in another one.
            if version != Batch.version { throw MalformedBytes(at: -version - 1, "") }
            guard bytes.count >= 9 else { throw MalformedBytes(at: bytes.count, "the end came too early") }
            var checksum = ByteReader(bytes[(bytes.count - 4)...])
            guard try checksum.fixed(UInt32.self) == CRC32C.checksum(bytes[..<(bytes.count - 4)]) else { throw MalformedBytes(at: Int.max, "") }
            self = try Batch.body(ByteReader(bytes[5..<(bytes.count - 4)]))
        } catch {
            if error.offset == Int.max { throw .checksum }
            if error.offset < 0 { throw .version(-error.offset - 1) }
            throw .malformed(pointer: "byte \(error.offset)", error.expected)
        }
    }

    private static func body(_ start: ByteReader) throws(MalformedBytes) -> Batch {
        var reader = start
        let epoch = Epoch(bits: try reader.fixed())
        let first = try reader.varint()
        guard (1...UInt64(1 << 53)).contains(first) else { throw MalformedBytes(at: reader.offset, "the first sequence is 1 or more") }
        let rowCount = try reader.count(upTo: Batch.rowLimit)
        var sensors: [SensorName] = []
        for _ in 0..<(try reader.count(upTo: Batch.sensorLimit)) {
            let place = reader.offset
            guard let name = SensorName(try reader.text(limit: 32)) else { throw MalformedBytes(at: place, "a sensor's name is \(SensorName.rule)") }
            sensors.append(name)
        }
        let recordCount = try reader.count(upTo: rowCount)
        var records: [(place: Int, record: Record)] = []
        for _ in 0..<recordCount {
            let place = try reader.count(upTo: max(0, rowCount - 1))
            guard place > records.last?.place ?? -1 else { throw MalformedBytes(at: reader.offset, "records come in the order of their sequences") }
            records.append((place, try RecordCoding.record(from: &reader)))
        }
        let readings = try ReadingColumns.readings(rowCount - recordCount, sensors: sensors.count, from: &reader)
        var report: DeviceReport?
        if try reader.byte() == 1 { report = try ReportCoding.report(try reader.blob(limit: 65_536)) }
        try reader.expectEnd()
        guard rowCount > 0 || report != nil else { throw MalformedBytes(at: reader.offset, "a batch has a row or a report") }

        var rows: [Row] = []
        rows.reserveCapacity(rowCount)
        var rest = readings[...]
        for (place, record) in records {
            let before = place - rows.count
            rows.append(contentsOf: rest.prefix(before).map { .reading(sensor: $0.sensor, $0.reading) })
            rest = rest.dropFirst(before)
            rows.append(.record(record))
        }
        rows.append(contentsOf: rest.map { .reading(sensor: $0.sensor, $0.reading) })
        return Batch(epoch: epoch, first: Int64(first), sensors: sensors, rows: rows, report: report)
    }
}

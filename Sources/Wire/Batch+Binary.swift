internal import Bytes
internal import Measures

/// `application/vnd.vaho.batch`, version 1; FORMAT.md beside this file describes the format.
///
/// Columns hold differences from the previous reading of the same sensor; times are differences of differences.
extension Batch {

    package func binary() -> [UInt8] {
        var writer = ByteWriter(reserving: 64 + rows.count * 8)
        writer.raw(BatchFormat.magic)
        writer.byte(UInt8(BatchFormat.version))
        writer.fixed(epoch.bits)
        writer.varint(UInt64(first))
        writer.varint(UInt64(rows.count))
        writer.varint(UInt64(sensors.count))
        for sensor in sensors { writer.text(sensor.name) }

        var readings: [(sensor: Int, reading: Reading)] = []
        var records: [(rowIndex: Int, record: Record)] = []
        for (rowIndex, row) in rows.enumerated() {
            switch row {
            case .reading(let sensor, let reading): readings.append((sensor, reading))
            case .record(let record): records.append((rowIndex, record))
            }
        }
        writer.varint(UInt64(records.count))
        for (rowIndex, record) in records {
            writer.varint(UInt64(rowIndex))
            RecordCoding.write(record, to: &writer)
        }
        var columns = ReadingColumns(sensors: sensors.count, count: rows.count)
        for (sensor, reading) in readings { columns.add(sensor, reading) }
        var packed = ByteWriter(reserving: rows.count * 8)
        columns.write(to: &packed)
        writer.blob(packed.bytes)
        if let report {
            writer.byte(1)
            writer.blob(ReportCoding.bytes(report))
        } else {
            writer.byte(0)
        }
        writer.fixed(CRC32C.checksum(writer.bytes))
        return writer.bytes
    }

    /// - Throws: `BatchRefusal` for any invalid bytes.
    package init(binary bytes: [UInt8]) throws(BatchRefusal) {
        let frame = try BatchFrame(bytes)
        var rows: [Row] = []
        rows.reserveCapacity(frame.rowCount)
        var waiting = frame.records[...]
        func takeRecords() {
            while let (rowIndex, record) = waiting.first, rowIndex == rows.count {
                rows.append(.record(record))
                waiting = waiting.dropFirst()
            }
        }
        try frame.forEachReading { sensor, reading in
            takeRecords()
            rows.append(.reading(sensor: sensor, reading))
        }
        takeRecords()
        self.init(epoch: frame.epoch, first: frame.first, sensors: frame.sensors, rows: rows, report: frame.report)
    }
}

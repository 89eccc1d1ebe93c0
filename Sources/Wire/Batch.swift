package import Measures

/// Consecutive rows of one device's log, sent in one request. Named device/epoch/first–last.
package struct Batch: Sendable, Equatable {
    package var epoch: Epoch
    package var first: Int64
    package var sensors: [SensorName]  // readings refer to sensors by index
    package var rows: [Row]  // sequences first, first + 1, …; empty if the device only has a report to send
    package var report: DeviceReport?

    package enum Row: Sendable, Hashable {
        case reading(sensor: Int, Reading)
        case record(Record)
    }

    package init(epoch: Epoch, first: Int64, sensors: [SensorName], rows: [Row], report: DeviceReport? = nil) {
        self.epoch = epoch
        self.first = first
        self.sensors = sensors
        self.rows = rows
        self.report = report
    }

    package var last: Int64 { first + Int64(rows.count) - 1 }
    package var name: String { "\(epoch)/\(first)–\(last)" }

    /// The batch for a part of the sequences, with only the sensors that its rows use, and without the report.
    package func part(_ sequences: ClosedRange<Int64>) -> Batch {
        var rows = Array(rows[Int(sequences.lowerBound - first)...Int(sequences.upperBound - first)])
        var places: [Int: Int] = [:]  // sensor index in this batch to sensor index in the part
        var needed: [SensorName] = []
        for (index, row) in rows.enumerated() {
            guard case .reading(let sensor, let reading) = row else { continue }
            if places[sensor] == nil {
                places[sensor] = needed.count
                needed.append(sensors[sensor])
            }
            rows[index] = .reading(sensor: places[sensor] ?? 0, reading)
        }
        return Batch(epoch: epoch, first: sequences.lowerBound, sensors: needed, rows: rows)
    }
}

/// The reasons to refuse a body as a batch.
package enum BatchRefusal: Error, Equatable, CustomStringConvertible {
    case version(Int)
    case checksum
    case malformed(pointer: String, String)  // location (a JSON pointer or a byte offset), and the expected content

    package var description: String {
        switch self {
        case .version(let version): "batch version \(version) is not supported: send version \(BatchFormat.version)"
        case .checksum: "the batch's CRC-32C does not match: it was truncated or damaged in transfer"
        case .malformed(let pointer, let what): "\(pointer): \(what)"
        }
    }
}

internal import FoundationEssentials
internal import Measures
internal import Wire

/// A batch as JSON, for people and scripts: the columns of the binary form by name.
struct BatchJSON: Decodable {
    let version: Int
    let epoch: String
    let first: Int64
    let sensors: [String]
    let sensor: [Int]
    let taken_at_ms: [Int64]
    let humidity_mpct: [Int32?]
    let temperature_mc: [Int32?]?
    let pressure_pa: [Int32?]?
    let flags: [UInt16]?
    let clock: [UInt8]?
    let boot: [UInt32]?
    let boottime_ms: [Int64]?
    let records: [RecordJSON]?

    /// A hole, a clock correction or a sensor record, with its own sequence.
    struct RecordJSON: Decodable {
        let sequence: Int64
        let kind: String
        let sensor: String?
        let reason: String?
        let from_ms: Int64?
        let to_ms: Int64?
        let count: Int64?
        let sequences: [Int64]?
        let boot: UInt32?
        let offset_ms: Int64?
        let type: String?
        let driver: String?
        let serial: String?
        let place: String?
        let step_s: Int64?
    }

    private struct VersionOnly: Decodable { let version: Int }

    /// - Throws: `BatchRefusal` with a JSON pointer to the fault.
    static func batch(_ body: [UInt8]) throws -> Batch {
        let decoder = JSONDecoder()
        do {
            let version = try decoder.decode(VersionOnly.self, from: Data(body)).version
            guard version == Batch.version else { throw BatchRefusal.version(version) }
            let batch = try decoder.decode(BatchJSON.self, from: Data(body)).batch()
            // The log keeps batches in the binary form: what that form does not hold must not get in.
            guard (try? Batch(binary: batch.binary())) == batch else { throw fault("", "a number is out of its range") }
            return batch
        } catch let error as DecodingError {
            throw refusal(error)
        }
    }

    static func refusal(_ error: DecodingError) -> BatchRefusal {
        func pointer(_ path: [any CodingKey]) -> String { path.map { "/" + ($0.intValue.map(String.init) ?? $0.stringValue) }.joined() }
        switch error {
        case .keyNotFound(let key, let context): return .malformed(pointer: pointer(context.codingPath + [key]), "the field is missing")
        case .typeMismatch(let type, let context): return .malformed(pointer: pointer(context.codingPath), "expected \(type)")
        case .valueNotFound(_, let context): return .malformed(pointer: pointer(context.codingPath), "null is not allowed here")
        case .dataCorrupted(let context):
            return .malformed(pointer: pointer(context.codingPath), "this is not JSON, or a number does not fit: \(context.debugDescription)")
        @unknown default: return .malformed(pointer: "", "this is not a batch")
        }
    }

    private func batch() throws -> Batch {
        guard let epoch = Epoch(hex: epoch) else { throw fault("/epoch", "expected 16 hexadecimal digits") }
        guard (1...(1 << 53)).contains(first) else { throw fault("/first", "the first sequence is 1 or more") }
        guard sensors.count <= Batch.sensorLimit else { throw fault("/sensors", "at most \(Batch.sensorLimit)") }
        let names = try sensors.enumerated().map { index, name in
            guard let valid = SensorName(name) else { throw fault("/sensors/\(index)", "a sensor's name is \(SensorName.rule)") }
            return valid
        }
        let count = sensor.count
        func check(_ name: String, _ length: Int?) throws {
            if let length, length != count { throw fault("/\(name)", "\(length) values, the column sensor has \(count)") }
        }
        for (name, length) in [
            ("taken_at_ms", taken_at_ms.count), ("humidity_mpct", humidity_mpct.count), ("temperature_mc", temperature_mc?.count),
            ("pressure_pa", pressure_pa?.count), ("flags", flags?.count), ("clock", clock?.count), ("boot", boot?.count),
            ("boottime_ms", boottime_ms?.count),
        ] { try check(name, length) }
        let records = (records ?? []).sorted { $0.sequence < $1.sequence }
        let total = count + records.count
        guard (1...Batch.rowLimit).contains(total) else { throw fault("", "1 to \(Batch.rowLimit) rows a batch, \(total) came") }

        var rows: [Batch.Row] = []
        rows.reserveCapacity(total)
        var waiting = records[...]
        var index = 0
        while rows.count < total {
            let sequence = first + Int64(rows.count)
            if let record = waiting.first, record.sequence == sequence {
                rows.append(.record(try record.record()))
                waiting = waiting.dropFirst()
            } else {
                guard index < count else { throw fault("/records", "a record's sequence is outside the batch, or comes twice") }
                rows.append(.reading(sensor: try place(index), try reading(index)))
                index += 1
            }
        }
        return Batch(epoch: epoch, first: first, sensors: names, rows: rows)
    }

    private func place(_ index: Int) throws -> Int {
        guard sensors.indices.contains(sensor[index]) else { throw fault("/sensor/\(index)", "there is no sensor \(sensor[index]) in this batch") }
        return sensor[index]
    }

    private func reading(_ index: Int) throws -> Reading {
        guard let quality = ClockQuality(rawValue: clock?[index] ?? 0) else { throw fault("/clock/\(index)", "0, 1 or 2") }
        return Reading(
            takenAt: Instant(ms: taken_at_ms[index]), humidityMpct: humidity_mpct[index], temperatureMc: temperature_mc?[index],
            pressurePa: pressure_pa?[index], flags: ReadingFlags(rawValue: flags?[index] ?? 0), clock: quality, boot: boot?[index] ?? 0,
            boottimeMs: boottime_ms?[index] ?? 0)
    }
}

private func fault(_ pointer: String, _ what: String) -> BatchRefusal { .malformed(pointer: pointer, what) }

extension BatchJSON.RecordJSON {
    func record() throws -> Record {
        func wrong(_ what: String) -> BatchRefusal { fault("/records", "the record of sequence \(sequence): \(what)") }
        let from = Instant(ms: from_ms ?? 0)
        let to = Instant(ms: to_ms ?? 0)
        let name = sensor.flatMap(SensorName.init)
        guard sensor == nil || name != nil else { throw wrong("a sensor's name is \(SensorName.rule)") }
        guard Instant.valid.contains(from), Instant.valid.contains(to) else {
            throw wrong("from_ms and to_ms are milliseconds since 1970, up to the year 2199")
        }
        switch kind {
        case "hole":
            guard let reason = reason.flatMap(Hole.Reason.init(name:)) else {
                throw wrong("reason is one of \(Hole.Reason.allCases.map(\.name).joined(separator: ", "))")
            }
            var gone: ClosedRange<Int64>?
            if let sequences {
                guard sequences.count == 2, sequences[0] >= 1, sequences[0] <= sequences[1] else { throw wrong("sequences is [first, last]") }
                gone = sequences[0]...sequences[1]
            }
            guard (count ?? 0) >= 0 else { throw wrong("count is 0 or more") }
            return .hole(Hole(sensor: name, reason: reason, from: from, to: to, count: count ?? 0, sequences: gone))
        case "clock_correction":
            guard let boot, let offset_ms, offset_ms.magnitude <= Instant.valid.upperBound.ms.magnitude, from <= to else {
                throw wrong("boot, offset_ms, and from_ms to to_ms as times since that boot are needed")
            }
            return .clockCorrection(ClockCorrection(boot: boot, boottimeMs: from.ms...to.ms, offset: .milliseconds(offset_ms)))
        case "sensor":
            guard let name, let type, let step_s, SensorRecord.steps.contains(.seconds(step_s)) else {
                throw wrong("sensor, type and step_s (600 or 3600) are needed")
            }
            let texts = [type, driver ?? "", serial ?? "", place ?? ""]
            guard texts.allSatisfy({ $0.utf8.count <= 128 }) else { throw wrong("a text has at most 128 bytes") }
            return .sensor(SensorRecord(sensor: name, kind: texts[0], driver: texts[1], serial: texts[2], place: texts[3], step: .seconds(step_s)))
        default: throw wrong("kind is hole, clock_correction or sensor")
        }
    }
}

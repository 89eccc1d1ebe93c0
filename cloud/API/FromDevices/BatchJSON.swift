internal import FoundationEssentials
internal import Measures
internal import Wire

/// A batch as JSON, for people and scripts. Each column of the binary form is a field.
struct BatchJSON: Decodable {
    let version: Int
    let epoch: String
    let first: Int64
    let sensors: [String]
    private(set) var sensor: JSONColumn
    private(set) var taken_at_ms: JSONColumn
    private(set) var humidity_mpct: JSONColumn
    private(set) var temperature_mc: JSONColumn?
    private(set) var pressure_pa: JSONColumn?
    private(set) var flags: JSONColumn?
    private(set) var clock: JSONColumn?
    private(set) var boot: JSONColumn?
    private(set) var boottime_ms: JSONColumn?
    let records: [RecordJSON]
    let report: ReportJSON?

    private enum Field: String, CodingKey {
        case version, epoch, first, sensors, sensor, taken_at_ms, humidity_mpct, temperature_mc, pressure_pa, flags, clock, boot, boottime_ms
        case records, report
    }

    /// Decodes the version first, because another version may have other fields. Decoding stops at the first list that is longer than its limit.
    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: Field.self)
        version = try fields.decode(Int.self, forKey: .version)
        guard version == BatchFormat.version else { throw BatchRefusal.version(version) }
        epoch = try fields.decode(String.self, forKey: .epoch)
        first = try fields.decode(Int64.self, forKey: .first)
        sensors = try fields.decodeList(of: String.self, forKey: .sensors, upTo: BatchFormat.sensorLimit)
        sensor = try fields.decode(JSONColumn.self, forKey: .sensor)
        taken_at_ms = try fields.decode(JSONColumn.self, forKey: .taken_at_ms)
        humidity_mpct = try fields.decode(JSONColumn.self, forKey: .humidity_mpct)
        temperature_mc = try fields.decodeIfPresent(JSONColumn.self, forKey: .temperature_mc)
        pressure_pa = try fields.decodeIfPresent(JSONColumn.self, forKey: .pressure_pa)
        flags = try fields.decodeIfPresent(JSONColumn.self, forKey: .flags)
        clock = try fields.decodeIfPresent(JSONColumn.self, forKey: .clock)
        boot = try fields.decodeIfPresent(JSONColumn.self, forKey: .boot)
        boottime_ms = try fields.decodeIfPresent(JSONColumn.self, forKey: .boottime_ms)
        records =
            try fields.contains(.records) && !fields.decodeNil(forKey: .records)
            ? fields.decodeList(of: RecordJSON.self, forKey: .records, upTo: BatchFormat.rowLimit) : []
        report = try fields.decodeIfPresent(ReportJSON.self, forKey: .report)
    }

    /// - Throws: `BatchRefusal` with a JSON pointer to the fault.
    static func batch(_ body: [UInt8]) throws -> Batch {
        do {
            guard let scanned = ColumnScanner.scan(body) else { return try JSONDecoder().decode(BatchJSON.self, from: Data(body)).batch() }
            var batch = try JSONDecoder().decode(BatchJSON.self, from: Data(scanned.rest))
            batch.fill(scanned.columns)
            return try batch.batch()
        } catch let error as DecodingError {
            throw refusal(error)
        }
    }

    private mutating func fill(_ columns: [String: JSONColumn]) {
        sensor = columns["sensor"] ?? sensor
        taken_at_ms = columns["taken_at_ms"] ?? taken_at_ms
        humidity_mpct = columns["humidity_mpct"] ?? humidity_mpct
        temperature_mc = columns["temperature_mc"] ?? temperature_mc
        pressure_pa = columns["pressure_pa"] ?? pressure_pa
        flags = columns["flags"] ?? flags
        clock = columns["clock"] ?? clock
        boot = columns["boot"] ?? boot
        boottime_ms = columns["boottime_ms"] ?? boottime_ms
    }

    static func refusal(_ error: DecodingError) -> BatchRefusal {
        func pointer(_ path: [any CodingKey]) -> String { path.map { "/" + ($0.intValue.map(String.init) ?? $0.stringValue) }.joined() }
        switch error {
        case .keyNotFound(let key, let context): return .malformed(pointer: pointer(context.codingPath + [key]), "the field is missing")
        case .typeMismatch(let type, let context): return .malformed(pointer: pointer(context.codingPath), "expected \(type)")
        case .valueNotFound(_, let context): return .malformed(pointer: pointer(context.codingPath), "null is not allowed here")
        case .dataCorrupted(let context):
            return .malformed(pointer: pointer(context.codingPath), "this is not JSON, or a number is out of range: \(context.debugDescription)")
        @unknown default: return .malformed(pointer: "", "the body is not a batch")
        }
    }

    static func malformed(_ pointer: String, _ what: String) -> BatchRefusal { .malformed(pointer: pointer, what) }

    private func batch() throws(BatchRefusal) -> Batch {
        guard let epoch = Epoch(hex: epoch) else { throw BatchJSON.malformed("/epoch", "expected 16 hexadecimal digits") }
        guard (1...(1 << 53)).contains(first) else { throw BatchJSON.malformed("/first", "the first sequence must be from 1 to 2^53") }
        var names: [SensorName] = []
        for (index, name) in sensors.enumerated() {
            guard let valid = SensorName(name) else { throw BatchJSON.malformed("/sensors/\(index)", "a sensor's name is \(SensorName.syntax)") }
            names.append(valid)
        }
        try checkLengths()
        let report = try report?.report()
        let records = records.sorted { $0.sequence < $1.sequence }
        let total = sensor.count + records.count
        guard total <= BatchFormat.rowLimit, total > 0 || report != nil else {
            throw BatchJSON.malformed("", "expected 1 to \(BatchFormat.rowLimit) rows, or a report: the batch has \(total) rows")
        }
        guard first + Int64(max(0, total - 1)) <= 1 << 53 else { throw BatchJSON.malformed("/first", "the last sequence is larger than 2^53") }
        return Batch(epoch: epoch, first: first, sensors: names, rows: try rows(total, records), report: report)
    }

    private func checkLengths() throws(BatchRefusal) {
        for (name, column) in [
            ("taken_at_ms", taken_at_ms), ("humidity_mpct", humidity_mpct), ("temperature_mc", temperature_mc), ("pressure_pa", pressure_pa),
            ("flags", flags), ("clock", clock), ("boot", boot), ("boottime_ms", boottime_ms),
        ] {
            guard let column, column.count != sensor.count else { continue }
            throw BatchJSON.malformed("/\(name)", "\(column.count) values, but the column sensor has \(sensor.count)")
        }
    }

    private func rows(_ total: Int, _ records: [RecordJSON]) throws(BatchRefusal) -> [Batch.Row] {
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
                guard index < sensor.count else { throw BatchJSON.malformed("/records", "a record's sequence is outside the batch, or used twice") }
                rows.append(.reading(sensor: try sensorIndex(index), try reading(index)))
                index += 1
            }
        }
        return rows
    }

    private func sensorIndex(_ index: Int) throws(BatchRefusal) -> Int {
        let sensorIndex = try sensor.requiredValue(index, "sensor", as: Int.self)
        guard sensors.indices.contains(sensorIndex) else { throw BatchJSON.malformed("/sensor/\(index)", "this batch has no sensor \(sensorIndex)") }
        return sensorIndex
    }

    private func reading(_ index: Int) throws(BatchRefusal) -> Reading {
        let takenAtMs = try taken_at_ms.requiredValue(index, "taken_at_ms", as: Int64.self)
        // Differences of differences of larger values would overflow. A time outside `Instant.valid` is refused later, for this reading only.
        guard takenAtMs.magnitude <= 1 << 53 else { throw BatchJSON.malformed("/taken_at_ms/\(index)", "expected milliseconds since 1970") }
        let clock = try clock?.requiredValue(index, "clock", as: UInt8.self) ?? 0
        guard let quality = ClockQuality(rawValue: clock) else { throw BatchJSON.malformed("/clock/\(index)", "expected 0, 1 or 2") }
        let boottimeMs = try boottime_ms?.requiredValue(index, "boottime_ms", as: Int64.self) ?? 0
        guard (0...(1 << 53)).contains(boottimeMs) else { throw BatchJSON.malformed("/boottime_ms/\(index)", "expected 0 to 2^53") }
        return Reading(
            takenAt: Instant(ms: takenAtMs), humidityMpct: try humidity_mpct.value(index, "humidity_mpct", as: Int32.self),
            temperatureMc: try temperature_mc?.value(index, "temperature_mc", as: Int32.self),
            pressurePa: try pressure_pa?.value(index, "pressure_pa", as: Int32.self),
            flags: ReadingFlags(rawValue: try flags?.requiredValue(index, "flags", as: UInt16.self) ?? 0), clock: quality,
            boot: try boot?.requiredValue(index, "boot", as: UInt32.self) ?? 0, boottimeMs: boottimeMs)
    }
}

extension KeyedDecodingContainer {
    /// Decodes at most `limit` elements. Throws if the list has more elements, without decoding the rest.
    func decodeList<Element: Decodable>(of type: Element.Type, forKey key: Key, upTo limit: Int) throws -> [Element] {
        var list = try nestedUnkeyedContainer(forKey: key)
        var elements: [Element] = []
        while !list.isAtEnd {
            guard elements.count < limit else { throw BatchJSON.malformed("/\(key.stringValue)", "expected at most \(limit) elements") }
            elements.append(try list.decode(type))
        }
        return elements
    }
}

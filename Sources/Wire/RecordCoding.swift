package import Bytes
package import Measures

/// Records as bytes: kind, length, content. Batches and the edge's store use the same encoding.
package enum RecordCoding {
    private static let hole: UInt8 = 1
    private static let clockCorrection: UInt8 = 2
    private static let sensor: UInt8 = 3
    private static let calibration: UInt8 = 4
    private static let rename: UInt8 = 5

    package static func bytes(_ record: Record) -> [UInt8] {
        var writer = ByteWriter()
        write(record, to: &writer)
        return writer.bytes
    }

    package static func record(_ bytes: [UInt8]) throws(MalformedBytes) -> Record {
        var reader = ByteReader(bytes)
        let record = try record(from: &reader)
        try reader.expectEnd()
        return record
    }

    static func write(_ record: Record, to writer: inout ByteWriter) {
        var body = ByteWriter()
        switch record {
        case .hole(let hole):
            body.text(hole.sensor?.name ?? "")
            body.byte(hole.reason.rawValue)
            body.zigzag(hole.from.ms)
            body.zigzag(hole.to.ms)
            body.zigzag(hole.count)
            body.zigzag(hole.sequences?.lowerBound ?? 0)
            body.zigzag(hole.sequences?.upperBound ?? 0)
            if let epoch = hole.epoch { body.fixed(epoch.bits) }
            writer.byte(RecordCoding.hole)
        case .clockCorrection(let correction):
            body.varint(UInt64(correction.boot))
            body.zigzag(correction.offset.ms)
            body.zigzag(correction.boottimeMs.lowerBound)
            body.zigzag(correction.boottimeMs.upperBound)
            writer.byte(clockCorrection)
        case .sensor(let sensor):
            body.text(sensor.sensor.name)
            for text in [sensor.kind, sensor.driver, sensor.serial, sensor.place] { body.text(text) }
            body.varint(UInt64(sensor.step.wholeSeconds))
            body.zigzag(Int64(sensor.offsetMpct))
            body.zigzag(Int64(sensor.gainPpm))
            writer.byte(RecordCoding.sensor)
        case .calibration(let calibration):
            body.text(calibration.sensor.name)
            body.zigzag(calibration.from.ms)
            body.zigzag(Int64(calibration.gainPpm))
            body.zigzag(Int64(calibration.offsetMpct))
            body.zigzag(calibration.enteredAt.ms)
            writer.byte(RecordCoding.calibration)
        case .rename(let rename):
            body.text(rename.sensor.name)
            body.text(rename.name.name)
            body.zigzag(rename.until.ms)
            body.zigzag(rename.enteredAt.ms)
            writer.byte(RecordCoding.rename)
        }
        writer.blob(body.bytes)
    }

    static func record(from reader: inout ByteReader) throws(MalformedBytes) -> Record {
        let start = reader.offset
        let kind = try reader.byte()
        var body = ByteReader(try reader.blob(limit: 4_096))
        let record: Record
        switch kind {
        case hole: record = .hole(try readHole(&body))
        case clockCorrection:
            let boot = try body.count(upTo: Int(UInt32.max))
            let offset = try body.zigzag()
            let (from, to) = (try body.zigzag(), try body.zigzag())
            // A boot time is at most 2^53 ms, so that no sum overflows.
            guard offset.magnitude <= Instant.valid.upperBound.ms.magnitude, from >= 0, to >= from, to <= 1 << 53 else {
                throw MalformedBytes(at: start, "a correction's times are out of range")
            }
            record = .clockCorrection(ClockCorrection(boot: UInt32(boot), boottimeMs: from...to, offset: .milliseconds(offset)))
        case sensor:
            let name = try sensorName(&body)
            let texts = [try body.text(limit: 128), try body.text(limit: 128), try body.text(limit: 128), try body.text(limit: 256)]
            let step = try body.count(upTo: 86_400)
            guard SensorRecord.steps.contains(.seconds(step)) else { throw MalformedBytes(at: start, "a sensor's step is 600 or 3600 s") }
            record = .sensor(
                SensorRecord(
                    sensor: name, kind: texts[0], driver: texts[1], serial: texts[2], place: texts[3], step: .seconds(step),
                    offsetMpct: try body.integer(), gainPpm: try body.integer()))
        case calibration:
            var found = Calibration(
                sensor: try sensorName(&body), from: try instant(&body), gainPpm: try body.integer(), offsetMpct: try body.integer())
            if body.remaining > 0 { found.enteredAt = try instant(&body) }  // calibrations from early versions have no `enteredAt`
            guard found.isValid else { throw MalformedBytes(at: start, "a gain is 0.5 to 2, an offset -50 to 50 %") }
            record = .calibration(found)
        case rename:
            let found = SensorRename(
                sensor: try sensorName(&body), name: try sensorName(&body), until: try instant(&body), enteredAt: try instant(&body))
            guard found.isValid else { throw MalformedBytes(at: start, "a rename has two different names") }
            record = .rename(found)
        default: throw MalformedBytes(at: start, "a record of kind \(kind) is not known")
        }
        try body.expectEnd()
        return record
    }

    private static func readHole(_ body: inout ByteReader) throws(MalformedBytes) -> Hole {
        let start = body.offset
        let name = try body.text(limit: 32)
        let sensor = SensorName(name)
        guard sensor != nil || name.isEmpty else { throw MalformedBytes(at: start, "a sensor's name is \(SensorName.syntax)") }
        guard let reason = Hole.Reason(rawValue: try body.byte()) else { throw MalformedBytes(at: start, "a hole's reason is not known") }
        let from = try instant(&body)
        let to = try instant(&body)
        let count = try body.zigzag()
        let low = try body.zigzag()
        let high = try body.zigzag()
        guard count >= 0, low >= 0, high >= low, high <= 1 << 53, low > 0 || high == 0 else {
            throw MalformedBytes(at: start, "a hole's count or sequences are invalid")
        }
        let epoch = body.remaining > 0 && low > 0 ? Epoch(bits: try body.fixed()) : nil
        return Hole(sensor: sensor, reason: reason, from: from, to: to, count: count, sequences: low > 0 ? low...high : nil, epoch: epoch)
    }

    private static func instant(_ body: inout ByteReader) throws(MalformedBytes) -> Instant {
        let start = body.offset
        let instant = Instant(ms: try body.zigzag())
        guard Instant.valid.contains(instant) else { throw MalformedBytes(at: start, "a time out of range") }
        return instant
    }

    private static func sensorName(_ body: inout ByteReader) throws(MalformedBytes) -> SensorName {
        let start = body.offset
        guard let name = SensorName(try body.text(limit: 32)) else { throw MalformedBytes(at: start, "a sensor's name is \(SensorName.syntax)") }
        return name
    }
}

internal import Measures
internal import Wire

extension BatchJSON {
    /// One record of a batch with its sequence: a hole, a clock correction, a sensor record, a calibration or a rename.
    struct RecordJSON: Decodable {
        let sequence: Int64
        let kind: String
        let sensor: String?
        let reason: String?
        let from_ms: Int64?
        let to_ms: Int64?
        let count: Int64?
        let sequences: [Int64]?
        let epoch: String?
        let boot: UInt32?
        let offset_ms: Int64?
        let type: String?
        let driver: String?
        let serial: String?
        let place: String?
        let step_s: Int64?
        let offset_mpct: Int32?
        let gain_ppm: Int32?
        let name: String?
        let said_at_ms: Int64?

        func record() throws(BatchRefusal) -> Record {
            switch kind {
            case "hole": .hole(try hole())
            case "clock_correction": .clockCorrection(try correction())
            case "sensor": .sensor(try sensorRecord())
            case "calibration": .calibration(try calibration())
            case "rename": .rename(try rename())
            default: throw malformed("kind must be hole, clock_correction, sensor, calibration or rename")
            }
        }

        private func malformed(_ what: String) -> BatchRefusal { BatchJSON.malformed("/records", "the record with sequence \(sequence): \(what)") }

        private func named(_ text: String?) throws(BatchRefusal) -> SensorName? {
            guard let text else { return nil }
            guard let name = SensorName(text) else { throw malformed("a sensor's name is \(SensorName.syntax)") }
            return name
        }

        private func hole() throws(BatchRefusal) -> Hole {
            let (from, to) = (Instant(ms: from_ms ?? 0), Instant(ms: to_ms ?? 0))
            guard Instant.valid.contains(from), Instant.valid.contains(to) else {
                throw malformed("from_ms and to_ms must be milliseconds since 1970, up to the year 2199")
            }
            guard let reason = reason.flatMap(Hole.Reason.init(name:)) else {
                throw malformed("reason must be one of \(Hole.Reason.allCases.map(\.name).joined(separator: ", "))")
            }
            guard (count ?? 0) >= 0 else { throw malformed("count must be 0 or more") }
            var lostSequences: ClosedRange<Int64>?
            if let sequences {
                guard sequences.count == 2, sequences[0] >= 1, sequences[0] <= sequences[1], sequences[1] <= 1 << 53 else {
                    throw malformed("sequences must be [first, last], from 1 to 2^53")
                }
                lostSequences = sequences[0]...sequences[1]
            }
            let epoch = try epoch.map { (text) throws(BatchRefusal) in
                guard let epoch = Epoch(hex: text), lostSequences != nil else {
                    throw malformed("epoch must be 16 hexadecimal digits, and requires sequences")
                }
                return epoch
            }
            return Hole(sensor: try named(sensor), reason: reason, from: from, to: to, count: count ?? 0, sequences: lostSequences, epoch: epoch)
        }

        private func correction() throws(BatchRefusal) -> ClockCorrection {
            guard let boot, let offset_ms, let from_ms, let to_ms, offset_ms.magnitude <= Instant.valid.upperBound.ms.magnitude, from_ms >= 0,
                from_ms <= to_ms, to_ms <= 1 << 53
            else { throw malformed("boot, offset_ms, from_ms and to_ms are required; from_ms to to_ms are milliseconds since that boot") }
            return ClockCorrection(boot: boot, boottimeMs: from_ms...to_ms, offset: .milliseconds(offset_ms))
        }

        private func calibration() throws(BatchRefusal) -> Calibration {
            guard let sensor = try named(sensor), let from_ms else { throw malformed("sensor and from_ms are required") }
            let found = Calibration(
                sensor: sensor, from: Instant(ms: from_ms), enteredAt: said_at_ms.map(Instant.init(ms:)), gainPpm: gain_ppm ?? 1_000_000,
                offsetMpct: offset_mpct ?? 0)
            guard found.isValid else {
                throw malformed("expected gain_ppm 500000 to 2000000, offset_mpct -50000 to 50000, from_ms up to the year 2199")
            }
            return found
        }

        private func rename() throws(BatchRefusal) -> SensorRename {
            guard let sensor = try named(sensor), let name = try named(name), let to_ms else {
                throw malformed("sensor, name and to_ms are required")
            }
            let found = SensorRename(sensor: sensor, name: name, until: Instant(ms: to_ms), enteredAt: Instant(ms: said_at_ms ?? to_ms))
            guard found.isValid else { throw malformed("name must differ from sensor; to_ms and said_at_ms must not exceed the year 2199") }
            return found
        }

        private func sensorRecord() throws(BatchRefusal) -> SensorRecord {
            guard let name = try named(sensor), let type, let step_s, SensorRecord.steps.contains(.seconds(step_s)) else {
                throw malformed("sensor, type and step_s (600 or 3600) are required")
            }
            for text in [type, driver ?? "", serial ?? ""] where text.utf8.count > SensorRecord.textLimit {
                throw malformed("type, driver and serial have at most \(SensorRecord.textLimit) bytes each")
            }
            guard (place ?? "").utf8.count <= 2 * SensorRecord.textLimit else {
                throw malformed("place has at most \(2 * SensorRecord.textLimit) bytes")
            }
            return SensorRecord(
                sensor: name, kind: type, driver: driver ?? "", serial: serial ?? "", place: place ?? "", step: .seconds(step_s),
                offsetMpct: offset_mpct ?? 0, gainPpm: gain_ppm ?? 1_000_000)
        }
    }
}

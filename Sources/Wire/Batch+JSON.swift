internal import Measures
internal import Text

/// The batch as `application/json`, equivalent to the binary form. Columns without values are omitted.
extension Batch {
    package func json() -> [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.field("version", BatchFormat.version)
            json.field("epoch", epoch.description)
            json.field("first", first)
            json.array("sensors") { json in for sensor in sensors { json.string(sensor.name) } }
            writeReadings(to: &json)
            let records = rows.enumerated().compactMap { index, row -> (sequence: Int64, record: Record)? in
                guard case .record(let record) = row else { return nil }
                return (first + Int64(index), record)
            }
            if !records.isEmpty {
                json.array("records") { json in
                    for (sequence, record) in records { json.object { json in Batch.write(sequence, record, to: &json) } }
                }
            }
            if let report { json.object("report") { json in report.write(to: &json) } }
        }
        return json.bytes
    }

    private func writeReadings(to json: inout JSONWriter) {
        let readings = rows.compactMap { row -> (sensor: Int, reading: Reading)? in
            guard case .reading(let sensor, let reading) = row else { return nil }
            return (sensor, reading)
        }
        func column<Number: BinaryInteger>(_ name: String, isNeeded: Bool = false, _ value: (Reading) -> Number?) {
            guard isNeeded || readings.contains(where: { value($0.reading).map { $0 != 0 } ?? false }) else { return }
            json.array(name) { json in for (_, reading) in readings { json.integer(value(reading)) } }
        }
        /// Unlike `column`, a value of 0 counts as a value here.
        func measured(_ name: String, isNeeded: Bool = false, _ value: (Reading) -> Int32?) {
            guard isNeeded || readings.contains(where: { value($0.reading) != nil }) else { return }
            json.array(name) { json in for (_, reading) in readings { json.integer(value(reading)) } }
        }
        json.array("sensor") { json in for (sensor, _) in readings { json.integer(sensor) } }
        column("taken_at_ms", isNeeded: true) { $0.takenAt.ms }
        measured("humidity_mpct", isNeeded: true) { $0.humidityMpct }
        measured("temperature_mc") { $0.temperatureMc }
        measured("pressure_pa") { $0.pressurePa }
        column("flags") { $0.flags.rawValue }
        column("clock") { $0.clock.rawValue }
        column("boot") { $0.boot }
        column("boottime_ms") { $0.boottimeMs }
    }

    private static func write(_ sequence: Int64, _ record: Record, to json: inout JSONWriter) {
        json.field("sequence", sequence)
        switch record {
        case .hole(let hole):
            json.field("kind", "hole")
            if let sensor = hole.sensor { json.field("sensor", sensor.name) }
            json.field("reason", hole.reason.name)
            json.field("from_ms", hole.from.ms)
            json.field("to_ms", hole.to.ms)
            json.field("count", hole.count)
            if let gone = hole.sequences {
                json.array("sequences") { json in
                    json.integer(gone.lowerBound)
                    json.integer(gone.upperBound)
                }
            }
            if let epoch = hole.epoch { json.field("epoch", epoch.description) }
        case .clockCorrection(let correction):
            json.field("kind", "clock_correction")
            json.field("boot", correction.boot)
            json.field("offset_ms", correction.offset.ms)
            json.field("from_ms", correction.boottimeMs.lowerBound)
            json.field("to_ms", correction.boottimeMs.upperBound)
        case .sensor(let sensor):
            json.field("kind", "sensor")
            json.field("sensor", sensor.sensor.name)
            json.field("type", sensor.kind)
            json.field("driver", sensor.driver)
            json.field("serial", sensor.serial)
            json.field("place", sensor.place)
            json.field("step_s", sensor.step.wholeSeconds)
            json.field("offset_mpct", sensor.offsetMpct)
            json.field("gain_ppm", sensor.gainPpm)
        case .calibration(let calibration):
            json.field("kind", "calibration")
            json.field("sensor", calibration.sensor.name)
            json.field("from_ms", calibration.from.ms)
            json.field("gain_ppm", calibration.gainPpm)
            json.field("offset_mpct", calibration.offsetMpct)
            json.field("said_at_ms", calibration.enteredAt.ms)
        case .rename(let rename):
            json.field("kind", "rename")
            json.field("sensor", rename.sensor.name)
            json.field("name", rename.name.name)
            json.field("to_ms", rename.until.ms)
            json.field("said_at_ms", rename.enteredAt.ms)
        }
    }
}

package import Bytes
internal import Measures

/// A device's report as bytes, with a length prefix in a batch. New fields are added at the end; older readers skip them.
package enum ReportCoding {
    package static func bytes(_ report: DeviceReport) -> [UInt8] {
        var writer = ByteWriter()
        writer.byte(report.release == nil ? 0 : 1)
        if let release = report.release {
            writer.varint(release.counter)
            writer.raw(release.sha256)
        }
        writer.zigzag(report.backlog)
        writer.zigzag(report.evicted)
        writer.zigzag(report.refused)
        writer.byte(report.clock.rawValue)
        writer.text(report.releaseRefusal ?? "")
        write(report.scores, to: &writer)
        writer.varint(UInt64(report.alerts.count))
        for alert in report.alerts {
            for text in [alert.rule, alert.text, alert.sensor.name] { writer.text(text) }
            writer.zigzag(alert.since.ms)
            writer.zigzag(alert.valueMilli)
        }
        writer.varint(UInt64(report.sensors.count))
        for sensor in report.sensors { write(sensor, to: &writer) }
        writer.varint(UInt64(report.thresholds.count))
        for threshold in report.thresholds {
            for text in [threshold.rule, threshold.sensor?.name ?? ""] { writer.text(text) }
            writer.byte(threshold.isAbove ? 1 : 0)
            writer.zigzag(Int64(threshold.percent * 1_000 + 0.5))
        }
        writer.varint(UInt64(report.rejections.count))
        for rejection in report.rejections { writer.rejection(rejection) }
        DailyScore.write(report.dailyScores, to: &writer)
        if let settings = report.settings {
            writer.varint(settings.serial)
            writer.text(settings.problem ?? "")
        }
        return writer.bytes
    }

    private static func write(_ sensor: SensorReport, to writer: inout ByteWriter) {
        writer.text(sensor.sensor.name)
        writer.byte(sensor.condition.state.rawValue)
        // Instants are after 1970: 0 means none. A byte before the rejected value says whether it is present.
        writer.zigzag(sensor.condition.since?.ms ?? 0)
        writer.text(sensor.condition.detail ?? "")
        writer.zigzag(sensor.newestAt?.ms ?? 0)
        writer.byte(sensor.rejectedMpct == nil ? 0 : 1)
        if let rejected = sensor.rejectedMpct { writer.zigzag(Int64(rejected)) }
        write(sensor.scores, to: &writer)
    }

    private static func write(_ scores: [LiveScore], to writer: inout ByteWriter) {
        writer.varint(UInt64(scores.count))
        for score in scores {
            writer.varint(score.releaseCounter)
            for value in [
                score.leadTimeSeconds, score.count, score.absoluteErrorMpct, score.persistenceErrorMpct, score.climatologyErrorMpct, score.coveredPpm,
            ] { writer.zigzag(value) }
        }
    }

    private static func scores(_ reader: inout ByteReader, upTo limit: Int) throws(MalformedBytes) -> [LiveScore] {
        var scores: [LiveScore] = []
        for _ in 0..<(try reader.count(upTo: limit)) {
            scores.append(
                LiveScore(
                    releaseCounter: try reader.varint(), leadTimeSeconds: try reader.zigzag(), count: try reader.zigzag(),
                    absoluteErrorMpct: try reader.zigzag(), persistenceErrorMpct: try reader.zigzag(), climatologyErrorMpct: try reader.zigzag(),
                    coveredPpm: try reader.zigzag()))
        }
        return scores
    }

    package static func report(_ bytes: ArraySlice<UInt8>) throws(MalformedBytes) -> DeviceReport {
        var reader = ByteReader(bytes)
        var release: ReleaseReference?
        if try reader.byte() == 1 { release = ReleaseReference(counter: try reader.varint(), sha256: Array(try reader.raw(32))) }
        let counts = [try reader.zigzag(), try reader.zigzag(), try reader.zigzag()]
        guard let clock = ClockQuality(rawValue: try reader.byte()) else { throw MalformedBytes(at: reader.offset, "a clock's quality is 0 to 2") }
        let refusal = try reader.text(limit: DeviceReport.refusalLimit)
        let scores = try scores(&reader, upTo: DeviceReport.scoreLimit)
        return DeviceReport(
            release: release, backlog: counts[0], evicted: counts[1], refused: counts[2], clock: clock, scores: scores,
            releaseRefusal: refusal, alerts: try alerts(&reader), sensors: try sensors(&reader), thresholds: try thresholds(&reader),
            rejections: try rejections(&reader), dailyScores: reader.remaining > 0 ? try DailyScore.list(&reader) : [],
            settings: reader.remaining > 0
                ? SettingsReport(serial: try reader.varint(), problem: try reader.text(limit: SettingsReport.problemLimit)) : nil)
    }

    /// Earlier program versions do not send rejections and daily scores.
    private static func rejections(_ reader: inout ByteReader) throws(MalformedBytes) -> [ReleaseRejection] {
        guard reader.remaining > 0 else { return [] }
        var rejections: [ReleaseRejection] = []
        for _ in 0..<(try reader.count(upTo: DeviceReport.rejectionLimit)) { rejections.append(try reader.rejection()) }
        return rejections
    }

    /// Early program versions do not send sensors.
    private static func sensors(_ reader: inout ByteReader) throws(MalformedBytes) -> [SensorReport] {
        guard reader.remaining > 0 else { return [] }
        var sensors: [SensorReport] = []
        for _ in 0..<(try reader.count(upTo: BatchFormat.sensorLimit)) {
            let name = try sensorName(&reader)
            let start = reader.offset
            guard let state = SensorState(rawValue: try reader.byte()) else { throw MalformedBytes(at: start, "a sensor's state is 0 to 4") }
            let condition = SensorCondition(state, since: try instant(&reader), detail: try reader.text(limit: SensorCondition.detailLimit))
            let newestAt = try instant(&reader)
            let rejected: Int32? = try reader.byte() == 1 ? try reader.integer() : nil
            sensors.append(
                SensorReport(
                    sensor: name, condition: condition, newestAt: newestAt, rejectedMpct: rejected,
                    scores: try scores(&reader, upTo: SensorReport.scoreLimit)))
        }
        return sensors
    }

    private static func thresholds(_ reader: inout ByteReader) throws(MalformedBytes) -> [HumidityThreshold] {
        guard reader.remaining > 0 else { return [] }
        var thresholds: [HumidityThreshold] = []
        for _ in 0..<(try reader.count(upTo: DeviceReport.thresholdLimit)) {
            let rule = try reader.text(limit: 64)
            let start = reader.offset
            let name = try reader.text(limit: 32)
            let sensor = SensorName(name)
            guard sensor != nil || name.isEmpty else { throw MalformedBytes(at: start, "a sensor's name is \(SensorName.syntax)") }
            let isAbove = try reader.byte() == 1
            let mpct = try reader.zigzag()
            guard (0...100_000).contains(mpct) else { throw MalformedBytes(at: start, "a threshold is 0 to 100 %") }
            thresholds.append(HumidityThreshold(rule: rule, sensor: sensor, isAbove: isAbove, percent: Double(mpct) / 1_000))
        }
        return thresholds
    }

    /// - Returns: `nil` for 0.
    private static func instant(_ reader: inout ByteReader) throws(MalformedBytes) -> Instant? {
        let start = reader.offset
        let instant = Instant(ms: try reader.zigzag())
        guard Instant.valid.contains(instant) else { throw MalformedBytes(at: start, "a time out of range") }
        return instant.ms == 0 ? nil : instant
    }

    private static func sensorName(_ reader: inout ByteReader) throws(MalformedBytes) -> SensorName {
        let start = reader.offset
        guard let name = SensorName(try reader.text(limit: 32)) else { throw MalformedBytes(at: start, "a sensor's name is \(SensorName.syntax)") }
        return name
    }

    /// The first program versions do not send alerts.
    private static func alerts(_ reader: inout ByteReader) throws(MalformedBytes) -> [ThresholdAlert] {
        guard reader.remaining > 0 else { return [] }
        var alerts: [ThresholdAlert] = []
        for _ in 0..<(try reader.count(upTo: DeviceReport.alertLimit)) {
            let (rule, text) = (try reader.text(limit: 64), try reader.text(limit: ThresholdAlert.textLimit))
            let sensor = try sensorName(&reader)
            let start = reader.offset
            let since = Instant(ms: try reader.zigzag())
            guard Instant.valid.contains(since) else { throw MalformedBytes(at: start, "a time out of range") }
            alerts.append(ThresholdAlert(rule: rule, text: text, sensor: sensor, since: since, valueMilli: try reader.zigzag()))
        }
        return alerts
    }
}

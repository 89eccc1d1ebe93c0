internal import Forecasting
internal import Measures
internal import Text
internal import Wire

extension BatchJSON {
    /// A device's report about itself: model, backlog, clock, scores, alarms, sensor states and thresholds.
    struct ReportJSON: Decodable {
        let release: ReleaseJSON?
        let backlog: Int64?
        let evicted: Int64?
        let refused: Int64?
        let clock: UInt8?
        let scores: [ScoreJSON]
        let refusal: String?
        let alerts: [AlertJSON]
        let sensors: [SensorJSON]
        let thresholds: [ThresholdJSON]
        let rejections: [RejectionJSON]
        let dailyScores: [DailyScoreJSON]

        private enum Field: String, CodingKey {
            case release, backlog, evicted, refused, clock, scores, refusal, alerts, sensors, thresholds
            case rejections = "rejected_releases"
            case dailyScores = "daily_scores"
        }

        init(from decoder: any Decoder) throws {
            let fields = try decoder.container(keyedBy: Field.self)
            release = try fields.decodeIfPresent(ReleaseJSON.self, forKey: .release)
            backlog = try fields.decodeIfPresent(Int64.self, forKey: .backlog)
            evicted = try fields.decodeIfPresent(Int64.self, forKey: .evicted)
            refused = try fields.decodeIfPresent(Int64.self, forKey: .refused)
            clock = try fields.decodeIfPresent(UInt8.self, forKey: .clock)
            refusal = try fields.decodeIfPresent(String.self, forKey: .refusal)
            func list<Element: Decodable>(_ type: Element.Type, _ field: Field, _ limit: Int) throws -> [Element] {
                guard try fields.contains(field) && !fields.decodeNil(forKey: field) else { return [] }
                return try fields.decodeList(of: type, forKey: field, upTo: limit)
            }
            scores = try list(ScoreJSON.self, .scores, DeviceReport.scoreLimit)
            alerts = try list(AlertJSON.self, .alerts, DeviceReport.alertLimit)
            sensors = try list(SensorJSON.self, .sensors, BatchFormat.sensorLimit)
            thresholds = try list(ThresholdJSON.self, .thresholds, DeviceReport.thresholdLimit)
            rejections = try list(RejectionJSON.self, .rejections, DeviceReport.rejectionLimit)
            dailyScores = try list(DailyScoreJSON.self, .dailyScores, DailyScore.reportLimit)
        }

        struct ReleaseJSON: Decodable {
            let counter: UInt64
            let sha256: String

            func reference(_ field: String) throws(BatchRefusal) -> ReleaseReference {
                guard let hash = Hexadecimal.bytes(sha256), hash.count == 32 else {
                    throw BatchJSON.malformed("/report/\(field)/sha256", "expected 64 hexadecimal digits")
                }
                return ReleaseReference(counter: counter, sha256: hash)
            }
        }

        struct ScoreJSON: Decodable {
            let release_counter: UInt64
            let lead_time_s: Int64
            let count: Int64
            let absolute_error_mpct: Int64
            let persistence_error_mpct: Int64
            let climatology_error_mpct: Int64
            let covered_ppm: Int64

            var score: LiveScore {
                LiveScore(
                    releaseCounter: release_counter, leadTimeSeconds: lead_time_s, count: count, absoluteErrorMpct: absolute_error_mpct,
                    persistenceErrorMpct: persistence_error_mpct, climatologyErrorMpct: climatology_error_mpct, coveredPpm: covered_ppm)
            }
        }

        struct AlertJSON: Decodable {
            let rule: String
            let text: String
            let sensor: String
            let since_ms: Int64
            let value_milli: Int64
        }

        struct SensorJSON: Decodable {
            let sensor: String
            let state: String
            let since_ms: Int64?
            let detail: String?
            let newest_at_ms: Int64?
            let rejected_mpct: Int32?
            let scores: [ScoreJSON]

            private enum Field: String, CodingKey { case sensor, state, since_ms, detail, newest_at_ms, rejected_mpct, scores }

            init(from decoder: any Decoder) throws {
                let fields = try decoder.container(keyedBy: Field.self)
                sensor = try fields.decode(String.self, forKey: .sensor)
                state = try fields.decode(String.self, forKey: .state)
                since_ms = try fields.decodeIfPresent(Int64.self, forKey: .since_ms)
                detail = try fields.decodeIfPresent(String.self, forKey: .detail)
                newest_at_ms = try fields.decodeIfPresent(Int64.self, forKey: .newest_at_ms)
                rejected_mpct = try fields.decodeIfPresent(Int32.self, forKey: .rejected_mpct)
                let hasScores = try fields.contains(.scores) && !fields.decodeNil(forKey: .scores)
                scores = hasScores ? try fields.decodeList(of: ScoreJSON.self, forKey: .scores, upTo: SensorReport.scoreLimit) : []
            }
        }

        struct ThresholdJSON: Decodable {
            let rule: String
            let sensor: String?
            let direction: String
            let humidity_mpct: Int64
        }

        func report() throws(BatchRefusal) -> DeviceReport {
            func malformed(_ field: String, _ what: String) -> BatchRefusal { BatchJSON.malformed("/report/\(field)", what) }
            let name = try release.map { (release) throws(BatchRefusal) in try release.reference("release") }
            guard let clock = ClockQuality(rawValue: clock ?? 0) else { throw malformed("clock", "expected 0, 1 or 2") }
            guard (refusal ?? "").utf8.count <= DeviceReport.refusalLimit else {
                throw malformed("refusal", "expected at most \(DeviceReport.refusalLimit) bytes")
            }
            let known = try alerts.enumerated().map { (index, alert) throws(BatchRefusal) in
                let since = Instant(ms: alert.since_ms)
                guard let sensor = SensorName(alert.sensor) else {
                    throw malformed("alerts/\(index)/sensor", "a sensor's name is \(SensorName.syntax)")
                }
                guard Instant.valid.contains(since) else {
                    throw malformed("alerts/\(index)/since_ms", "expected milliseconds since 1970, up to the year 2199")
                }
                guard alert.rule.utf8.count <= 64, alert.text.utf8.count <= ThresholdAlert.textLimit else {
                    throw malformed("alerts/\(index)", "rule has at most 64 bytes, text at most \(ThresholdAlert.textLimit)")
                }
                return ThresholdAlert(rule: alert.rule, text: alert.text, sensor: sensor, since: since, valueMilli: alert.value_milli)
            }
            return DeviceReport(
                release: name, backlog: backlog ?? 0, evicted: evicted ?? 0, refused: refused ?? 0, clock: clock,
                scores: scores.map(\.score), releaseRefusal: refusal, alerts: known, sensors: try sensorReports(),
                thresholds: try humidityThresholds(), rejections: try releaseRejections(), dailyScores: try sensorScores())
        }

        private func sensorReports() throws(BatchRefusal) -> [SensorReport] {
            try sensors.enumerated().map { (index, sensor) throws(BatchRefusal) in
                func malformed(_ field: String, _ what: String) -> BatchRefusal { BatchJSON.malformed("/report/sensors/\(index)/\(field)", what) }
                guard let name = SensorName(sensor.sensor) else { throw malformed("sensor", "a sensor's name is \(SensorName.syntax)") }
                guard let state = SensorState(name: sensor.state) else {
                    throw malformed("state", "expected one of \(SensorState.allCases.map(\.name).joined(separator: ", "))")
                }
                guard (sensor.detail ?? "").utf8.count <= SensorCondition.detailLimit else {
                    throw malformed("detail", "expected at most \(SensorCondition.detailLimit) bytes")
                }
                func instant(_ ms: Int64?, _ field: String) throws(BatchRefusal) -> Instant? {
                    guard let instant = ms.map(Instant.init(ms:)) else { return nil }
                    guard Instant.valid.contains(instant) else { throw malformed(field, "expected milliseconds since 1970, up to the year 2199") }
                    return instant
                }
                return SensorReport(
                    sensor: name, condition: SensorCondition(state, since: try instant(sensor.since_ms, "since_ms"), detail: sensor.detail),
                    newestAt: try instant(sensor.newest_at_ms, "newest_at_ms"), rejectedMpct: sensor.rejected_mpct,
                    scores: sensor.scores.map(\.score))
            }
        }

        private func humidityThresholds() throws(BatchRefusal) -> [HumidityThreshold] {
            try thresholds.enumerated().map { (index, threshold) throws(BatchRefusal) in
                func malformed(_ field: String, _ what: String) -> BatchRefusal { BatchJSON.malformed("/report/thresholds/\(index)/\(field)", what) }
                let sensor = threshold.sensor.flatMap(SensorName.init)
                guard sensor != nil || threshold.sensor == nil else { throw malformed("sensor", "a sensor's name is \(SensorName.syntax)") }
                guard threshold.rule.utf8.count <= 64 else { throw malformed("rule", "expected at most 64 bytes") }
                guard ["above", "below"].contains(threshold.direction) else { throw malformed("direction", "expected above or below") }
                guard (0...100_000).contains(threshold.humidity_mpct) else { throw malformed("humidity_mpct", "expected 0 to 100000") }
                return HumidityThreshold(
                    rule: threshold.rule, sensor: sensor, isAbove: threshold.direction == "above", percent: Double(threshold.humidity_mpct) / 1_000)
            }
        }
    }
}

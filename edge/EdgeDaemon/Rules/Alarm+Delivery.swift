internal import EdgeStore
internal import Forecasting
internal import Measures
internal import Text

extension Alarm {
    init(rule: Rule, sensor: SensorName, _ change: RuleState.Change, at: Instant, value: Double, validAt: Instant?) {
        let (state, since): (State, Instant) =
            switch change {
            case .raised(let since): (.raised, since)
            case .ended(let since): (.ended, since)
            }
        self.init(rule: rule.name, text: rule.text, sensor: sensor, state: state, since: since, at: at, value: value, validAt: validAt)
    }

    /// The body of a webhook request.
    func json(device: DeviceID) -> [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.field("device", device.name)
            json.field("rule", rule)
            json.field("text", text)
            json.field("sensor", sensor.name)
            json.field("state", state.rawValue)
            json.field("since", RFC3339.format(ms: since.ms))
            json.field("at", RFC3339.format(ms: at.ms))
            json.field("value", value, places: 3)
            json.field("valid_at", validAt.map { RFC3339.format(ms: $0.ms) })
            json.field("expected_from", expected.map { RFC3339.format(ms: $0.from.ms) })
            json.field("expected_until", expected?.until.map { RFC3339.format(ms: $0.ms) })
            json.field("probability_pct", expected?.percent)
        }
        return json.bytes
    }

    /// The environment variables of an alarm command.
    var environment: [String: String] {
        [
            "VAHO_ALARM_RULE": rule, "VAHO_ALARM_TEXT": text, "VAHO_ALARM_SENSOR": sensor.name, "VAHO_ALARM_STATE": state.rawValue,
            "VAHO_ALARM_SINCE": RFC3339.format(ms: since.ms), "VAHO_ALARM_AT": RFC3339.format(ms: at.ms),
            "VAHO_ALARM_VALUE": NumberText.fixed(value, places: 3) ?? "",
            "VAHO_ALARM_EXPECTED_FROM": expected.map { RFC3339.format(ms: $0.from.ms) } ?? "",
            "VAHO_ALARM_EXPECTED_UNTIL": expected?.until.map { RFC3339.format(ms: $0.ms) } ?? "",
            "VAHO_ALARM_PROBABILITY_PCT": expected.map { String($0.percent) } ?? "",
        ]
    }
}

extension Alarm.Expectation {
    init?(_ prospect: Outlook.ThresholdOutlook) {
        guard prospect.verdict != .unlikely, let from = prospect.from else { return nil }
        self.init(from: from, until: prospect.until, percent: Int(prospect.peak.probability * 100 + 1e-9))
    }
}

internal import Forecasting
internal import Measures
internal import Text

/// A rule's alarm, raised or ended, as it is told and as it is kept until it has been.
struct Alarm: Sendable, Equatable {
    enum State: String, Sendable { case raised, ended }

    var rule: String
    var text: String  // of the rule
    var sensor: SensorName
    var state: State
    var since: Instant
    var at: Instant
    var value: Double  // what decided
    var validAt: Instant?  // of a forecast that decided: its target
    var expected: Expectation?  // of a humidity rule: when the newest forecast expects the threshold to be crossed

    /// When a threshold is crossed, for how long and how probably: see `Outlook.Prospect`.
    struct Expectation: Sendable, Equatable {
        var from: Instant
        var until: Instant?  // nil: for the next 24 h at least
        var percent: Int  // highest probability at one lead time, rounded down

        init?(_ prospect: Outlook.Prospect) {
            guard prospect.verdict != .unlikely, let from = prospect.from else { return nil }
            self.from = from
            until = prospect.until
            percent = Int(prospect.highest.probability * 100 + 1e-9)
        }

        fileprivate init?(stored fields: ArraySlice<String>) {
            let fields = Array(fields)
            guard fields.count == 3, let from = Int64(fields[0]), let percent = Int(fields[2]) else { return nil }
            self.from = Instant(ms: from)
            until = Int64(fields[1]).map(Instant.init(ms:))
            self.percent = percent
        }

        fileprivate var stored: [String] { [String(from.ms), until.map { String($0.ms) } ?? "", String(percent)] }
    }

    private static let separator = Character("\u{1F}")

    /// As the store keeps it.
    var stored: String {
        let fields = [
            rule, text, sensor.name, state.rawValue, String(since.ms), String(at.ms), NumberText.fixed(value, places: 3) ?? "",
            validAt.map { String($0.ms) } ?? "",
        ]
        return (fields + (expected?.stored ?? [])).joined(separator: String(Alarm.separator))
    }

    init?(stored: String) {
        let fields = stored.split(separator: Alarm.separator, omittingEmptySubsequences: false).map(String.init)
        guard fields.count >= 8, let sensor = SensorName(fields[2]), let state = State(rawValue: fields[3]), let since = Int64(fields[4]),
            let at = Int64(fields[5]), let value = NumberText.decimal(fields[6])
        else { return nil }
        (rule, text, self.sensor, self.state, self.value) = (fields[0], fields[1], sensor, state, value)
        (self.since, self.at) = (Instant(ms: since), Instant(ms: at))
        validAt = Int64(fields[7]).map(Instant.init(ms:))
        expected = Expectation(stored: fields[8...])
    }

    init(rule: Rule, sensor: SensorName, _ change: RuleState.Change, at: Instant, value: Double, validAt: Instant?) {
        (self.rule, text, self.sensor, self.at, self.value, self.validAt) = (rule.name, rule.text, sensor, at, value, validAt)
        switch change {
        case .raised(let since): (state, self.since) = (.raised, since)
        case .ended(let since): (state, self.since) = (.ended, since)
        }
    }

    /// The body that a webhook gets.
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

    /// What a command finds in its environment.
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

package import Measures
package import Text

/// An active alarm of a rule, as the device reports it and the page shows it.
package struct ThresholdAlert: Sendable, Hashable {
    package static let textLimit = 256  // bytes of the rule's text; the rule's name has at most 64

    package let rule: String
    package let text: String
    package let sensor: SensorName
    package let since: Instant
    package let valueMilli: Int64  // the value that raised the alarm, in thousandths of the rule's unit

    package init(rule: String, text: String, sensor: SensorName, since: Instant, valueMilli: Int64) {
        self.rule = rule.truncated(toBytes: 64)
        self.text = text.truncated(toBytes: Self.textLimit)
        self.sensor = sensor
        self.since = since
        self.valueMilli = valueMilli
    }

    package func write(to json: inout JSONWriter) {
        json.field("rule", rule)
        json.field("text", text)
        json.field("sensor", sensor.name)
        json.field("since", RFC3339.format(ms: since.ms))
        json.field("value", Double(valueMilli) / 1_000, places: 3)
    }
}

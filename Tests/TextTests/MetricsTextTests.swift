import Testing
import Text

@Suite struct MetricsTextTests {
    @Test(arguments: [
        ("a\"b", "a\\\"b"), ("a\\b", "a\\\\b"), ("a\nb", "a\\nb"), ("a\r\nvaho_devices 0\r\n", "a \\nvaho_devices 0 \\n"),
        ("\"\u{301}", "\\\"\u{301}"),
    ])
    func `a label from outside is escaped and stays on one line`(label: String, escaped: String) {
        var metrics = MetricsText()
        metrics.gauge("vaho_alarm", "Alarms.", 1, [("rule", label)])
        #expect(metrics.text == "# HELP vaho_alarm Alarms.\n# TYPE vaho_alarm gauge\nvaho_alarm{rule=\"\(escaped)\"} 1.0\n")
    }

    @Test func `a series with the same labels has only one sample`() {
        var metrics = MetricsText()
        for value in [1.0, 2] { metrics.gauge("vaho_alarm", "Alarms.", value, [("rule", "damp")]) }
        #expect(metrics.text.split(separator: "\n").count == 3)
    }
}

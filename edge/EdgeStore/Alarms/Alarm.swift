package import Measures

/// An alarm of a rule for one sensor, raised or ended, as stored and delivered.
package struct Alarm: Sendable, Equatable {
    package enum State: String, Sendable { case raised, ended }

    package var rule: String
    package var text: String  // the rule's text
    package var sensor: SensorName
    package var state: State
    package var since: Instant
    package var at: Instant
    package var value: Double  // the value that raised or ended the alarm
    package var validAt: Instant?  // for a forecast rule: the target time of `value`
    package var expected: Expectation?  // for a humidity rule: when the newest forecast crosses the threshold

    package init(
        rule: String, text: String, sensor: SensorName, state: State, since: Instant, at: Instant, value: Double, validAt: Instant? = nil
    ) {
        (self.rule, self.text, self.sensor, self.state) = (rule, text, sensor, state)
        (self.since, self.at, self.value, self.validAt) = (since, at, value, validAt)
    }

    /// When a forecast crosses the threshold, for how long, and with which probability. See `Outlook.ThresholdOutlook`.
    package struct Expectation: Sendable, Equatable {
        package var from: Instant
        package var until: Instant?  // nil: for the next 24 h at least
        package var percent: Int  // highest probability at one lead time, rounded down

        package init(from: Instant, until: Instant?, percent: Int) { (self.from, self.until, self.percent) = (from, until, percent) }
    }
}

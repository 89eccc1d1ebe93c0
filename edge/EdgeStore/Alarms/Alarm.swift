package import Measures

/// A rule's alarm, raised or ended, as it is delivered and as it is kept until then.
package struct Alarm: Sendable, Equatable {
    package enum State: String, Sendable { case raised, ended }

    package var rule: String
    package var text: String  // of the rule
    package var sensor: SensorName
    package var state: State
    package var since: Instant
    package var at: Instant
    package var value: Double  // what decided
    package var validAt: Instant?  // of a forecast that decided: its target
    package var expected: Expectation?  // of a humidity rule: when the newest forecast expects the threshold to be crossed

    package init(
        rule: String, text: String, sensor: SensorName, state: State, since: Instant, at: Instant, value: Double, validAt: Instant? = nil
    ) {
        (self.rule, self.text, self.sensor, self.state) = (rule, text, sensor, state)
        (self.since, self.at, self.value, self.validAt) = (since, at, value, validAt)
    }

    /// When a threshold is crossed, for how long and how probably: see `Outlook.Prospect`.
    package struct Expectation: Sendable, Equatable {
        package var from: Instant
        package var until: Instant?  // nil: for the next 24 h at least
        package var percent: Int  // highest probability at one lead time, rounded down

        package init(from: Instant, until: Instant?, percent: Int) { (self.from, self.until, self.percent) = (from, until, percent) }
    }
}

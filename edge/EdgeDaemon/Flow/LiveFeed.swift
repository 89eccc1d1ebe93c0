internal import EdgeStore
internal import Forecasting
internal import Measures
internal import Runtime
internal import Synchronization

/// Publishes readings and forecasts to the rules and to the local API at once, before their commit.
final class LiveFeed: Sendable {
    let forecasts: NewestForecasts
    private let rules: Inbox<RuleInput>?
    private let log: Log
    private let isBehind = Mutex(false)

    /// - Parameter rules: `nil` if no rule is configured.
    init(forecasts: NewestForecasts, rules: Inbox<RuleInput>?, log: Log) {
        (self.forecasts, self.rules, self.log) = (forecasts, rules, log)
    }

    func publish(_ reading: LoggedReading) { send(.reading(reading.sensor, reading.reading)) }

    func publish(_ row: DerivedRow) {
        forecasts.update(row)
        if let issued = row.forecast { send(.forecast(row.sensor, issued.forecast)) }
    }

    /// Enqueues an input for the rules. Rules are faster than any sensor: only a replay can fill the inbox.
    private func send(_ input: RuleInput) {
        guard let rules, !rules.enqueue(input), !Task.isCancelled else { return }
        let isFirst = isBehind.withLock { isBehind in
            defer { isBehind = true }
            return !isBehind
        }
        if isFirst { log(.warning, "rules cannot keep up: some readings and forecasts are not checked") }
    }
}

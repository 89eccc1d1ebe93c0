internal import EdgeStore
internal import Forecasting
internal import Measures
internal import Observing
internal import Psychrometrics
internal import Runtime

/// A reading or forecast that the rules check.
enum RuleInput: Sendable {
    case reading(SensorName, Reading)
    case forecast(SensorName, QuantileForecast)
}

/// Checks readings and forecasts against the rules as they arrive. Alarms are stored before they are delivered, so that neither a restart nor
/// a missing network loses or repeats an alarm.
actor RuleWatch: Service {
    private struct Key: Hashable {
        let rule: String
        let sensor: SensorName
    }

    /// Readings and forecasts not checked yet.
    nonisolated let inbox = Inbox<RuleInput>(limit: 20_000)
    private let store: ReadingStore
    private let mouldIndexes: MouldIndexes
    private let deliveries: [AlarmDelivery]
    private let sensors: [SensorName]
    private let log: Log
    private var states: [Key: RuleState] = [:]
    private var forecasts: [SensorName: QuantileForecast] = [:]  // the newest
    private var values: RuleValues
    private var rules: [Rule] { values.rules }

    /// - Parameter sensors: the configured sensors.
    init(
        rules: [Rule], sensors: [SensorName], surfaces: [SensorName: EdgeSettings.Surface], store: ReadingStore, mouldIndexes: MouldIndexes,
        deliveries: [AlarmDelivery], log: Log
    ) {
        self.sensors = sensors
        values = RuleValues(rules: rules, surfaces: surfaces)
        self.store = store
        self.mouldIndexes = mouldIndexes
        self.deliveries = deliveries
        self.log = log
    }

    func run() async throws {
        do { try await endRemovedRules() } catch { log(.warning, "alarms of removed rules not ended", ["error": "\(error)"]) }
        for sensor in sensors {
            do { try await restoreHolds(sensor) } catch {
                log(.warning, "rule holds restart without history", ["sensor": sensor, "error": "\(error)"])
            }
        }
        while true {
            let all = await inbox.dequeueAll()
            if all.isEmpty { throw CancellationError() }
            for input in all {
                switch input {
                case .reading(let sensor, let reading): await check(reading, of: sensor)
                case .forecast(let sensor, let forecast): await check(forecast, of: sensor)
                }
            }
        }
    }

    /// Ends raised alarms of rules and sensors that are no longer configured.
    private func endRemovedRules() async throws {
        for alarm in try await store.read({ try $0.alarms.raised() }) {
            let isConfigured = rules.contains { $0.name == alarm.rule && $0.text == alarm.text && ($0.sensor ?? alarm.sensor) == alarm.sensor }
            if isConfigured, sensors.contains(alarm.sensor) { continue }
            var ended = alarm
            (ended.state, ended.at) = (.ended, WallClock.now)
            await storeAndDeliver(ended)
        }
    }

    /// A hold continues across a restart: observations within twice the longest hold are checked again.
    private func restoreHolds(_ sensor: SensorName) async throws {
        let holds = rules.compactMap { rule -> Duration? in if case .now = rule.subject { rule.hold } else { nil } }
        guard let longest = holds.max(), longest > .zero, let newest = try await store.newestObservation(of: sensor) else { return }
        for observation in try await store.observations(of: sensor, after: newest - longest * 2) {
            let found = values.add(observation.humidity, observation.temperature, of: sensor, at: observation.validAt)
            for (rule, value) in found where rule.hold > .zero {
                guard var state = await state(of: rule, sensor) else { continue }
                state.updateHold(rule.excess(value), of: rule, at: observation.validAt)
                states[Key(rule: rule.name, sensor: sensor)] = state
            }
        }
    }

    private func check(_ reading: Reading, of sensor: SensorName) async {
        guard case .passed(let humidity, let temperature) = QualityControl.check(reading) else { return }
        let found = values.add(humidity, temperature, of: sensor, at: reading.takenAt)
        if temperature != nil { await checkMould(of: sensor, at: reading.takenAt) }
        for (rule, value) in found {
            await check(value, of: rule, sensor, at: reading.takenAt)
        }
    }

    /// Checks the mould index, which changes with each observation.
    private func checkMould(of sensor: SensorName, at instant: Instant) async {
        for rule in rules where rule.subject == .now(.mouldIndex) && rule.sensor ?? sensor == sensor {
            guard let index = try? await mouldIndexes.index(of: sensor, beside: values.surfaces[sensor], at: instant) else { continue }
            await check(index.value, of: rule, sensor, at: instant)
        }
    }

    private func check(_ forecast: QuantileForecast, of sensor: SensorName) async {
        forecasts[sensor] = forecast
        for rule in rules where rule.sensor ?? sensor == sensor {
            guard case .forecast(let level, let within) = rule.subject else { continue }
            var worst: (value: Double, lead: Int)?
            for lead in forecast.leadTimes.indices where forecast.leadTimes[lead] <= within {
                let value = forecast.humidity(lead: lead, level: level)
                if worst.map({ rule.excess(value) > rule.excess($0.value) }) ?? true { worst = (value, lead) }
            }
            guard let worst else { continue }
            await check(worst.value, of: rule, sensor, at: forecast.origin, validAt: forecast.origin + forecast.leadTimes[worst.lead])
        }
    }

    private func check(_ value: Double, of rule: Rule, _ sensor: SensorName, at instant: Instant, validAt: Instant? = nil) async {
        // If the store cannot be read, skip this value: the next value reads the store again.
        guard var state = await state(of: rule, sensor) else { return }
        let change = state.update(rule.excess(value), of: rule, at: instant)
        states[Key(rule: rule.name, sensor: sensor)] = state
        guard let change else { return }
        var alarm = Alarm(rule: rule, sensor: sensor, change, at: instant, value: value, validAt: validAt)
        if alarm.state == .raised { alarm.expected = expectation(of: rule, sensor, at: instant) }
        await storeAndDeliver(alarm)
    }

    /// When the newest forecast crosses the rule's threshold; `nil` if the rule is not about humidity, a crossing is unlikely, or the forecast is
    /// older than three hours (three hourly steps, for sensors of either step).
    private func expectation(of rule: Rule, _ sensor: SensorName, at now: Instant) -> Alarm.Expectation? {
        guard let forecast = forecasts[sensor], let threshold = rule.humidityThreshold, forecast.isFresh(at: now, step: .seconds(3_600)) else {
            return nil
        }
        return Outlook(forecast, thresholds: [threshold], of: sensor, now: now).prospects.first.flatMap(Alarm.Expectation.init)
    }

    private func state(of rule: Rule, _ sensor: SensorName) async -> RuleState? {
        if let known = states[Key(rule: rule.name, sensor: sensor)] { return known }
        do {
            return RuleState(raisedSince: try await store.read { try $0.alarms.raisedSince(rule: rule.name, text: rule.text, sensor: sensor) })
        } catch { return nil }
    }

    private func storeAndDeliver(_ alarm: Alarm) async {
        log(
            alarm.state == .raised ? .warning : .info, alarm.state == .raised ? "alarm raised" : "alarm ended",
            [
                "rule": alarm.rule, "sensor": alarm.sensor, "value": alarm.environment["VAHO_ALARM_VALUE"] ?? "", "text": alarm.text,
                "expected_until": alarm.environment["VAHO_ALARM_EXPECTED_UNTIL"] ?? "",
                "probability_pct": alarm.environment["VAHO_ALARM_PROBABILITY_PCT"] ?? "",
            ])
        do {
            let targets = deliveries.map(\.target.name)
            try await store.write { try $0.alarms.store(alarm, targets: targets) }
            for delivery in deliveries { await delivery.wake() }
        } catch {
            log(.error, "alarm not stored: a restart may repeat or lose it", ["rule": alarm.rule, "error": "\(error)"])
            for delivery in deliveries { await delivery.wake(unstored: alarm) }
        }
    }
}

internal import Forecasting
internal import Measures
internal import Observing
internal import Psychrometrics
internal import Runtime

/// Holds readings and forecasts against the rules, as they come. Alarms go into the store before they are told, so that neither a
/// restart nor an absent network loses or repeats one.
actor RuleWatch: Service {
    enum Seen: Sendable {
        case reading(SensorName, Reading)
        case forecast(SensorName, QuantileForecast)
    }

    private struct Key: Hashable {
        let rule: String
        let sensor: SensorName
    }

    /// What has been seen and not yet been held against the rules; a full one drops, for the next value says the same.
    nonisolated let inbox = Inbox<Seen>(limit: 1_000)
    private let rules: [Rule]
    private let surfaces: [SensorName: EdgeSettings.Surface]
    private let store: ReadingStore
    private let delivery: AlarmDelivery
    private let log: Log
    private var states: [Key: RuleState] = [:]
    private var warmth: [SensorName: (celsius: Double, at: Instant)] = [:]

    init(rules: [Rule], surfaces: [SensorName: EdgeSettings.Surface], store: ReadingStore, delivery: AlarmDelivery, log: Log) {
        self.rules = rules
        self.surfaces = surfaces
        self.store = store
        self.delivery = delivery
        self.log = log
    }

    func run() async throws {
        do { try await store.keepAlarms(of: rules) } catch { log(.warning, "alarms of former rules not forgotten", ["error": "\(error)"]) }
        while true {
            let all = await inbox.takeAll()
            if all.isEmpty { throw CancellationError() }
            for seen in all {
                switch seen {
                case .reading(let sensor, let reading): await see(reading, of: sensor)
                case .forecast(let sensor, let forecast): await see(forecast, of: sensor)
                }
            }
        }
    }

    private func see(_ reading: Reading, of sensor: SensorName) async {
        if let mc = reading.temperatureMc { warmth[sensor] = (Double(mc) / 1_000, reading.takenAt) }
        guard case .passed(let humidity, let temperature) = QualityControl.judge(reading) else { return }
        for rule in rules where rule.sensor ?? sensor == sensor {
            guard case .now(let quantity) = rule.subject, let value = value(quantity, humidity, temperature, sensor, reading.takenAt) else {
                continue
            }
            await see(value, of: rule, sensor, at: reading.takenAt)
        }
    }

    private func see(_ forecast: QuantileForecast, of sensor: SensorName) async {
        for rule in rules where rule.sensor ?? sensor == sensor {
            guard case .forecast(let level, let within) = rule.subject else { continue }
            var worst: (value: Double, lead: Int)?
            for lead in forecast.leadTimes.indices where forecast.leadTimes[lead] <= within {
                let value = forecast.humidity(lead: lead, level: level)
                if worst.map({ rule.excess(value) > rule.excess($0.value) }) ?? true { worst = (value, lead) }
            }
            guard let worst else { continue }
            await see(worst.value, of: rule, sensor, at: forecast.origin, validAt: forecast.origin + forecast.leadTimes[worst.lead])
        }
    }

    private func value(
        _ quantity: Rule.Quantity, _ humidity: RelativeHumidity, _ air: Temperature?, _ sensor: SensorName, _ instant: Instant
    ) -> Double? {
        switch quantity {
        case .humidity: return humidity.percent
        case .temperature: return air?.celsius
        case .dewPoint: return air.flatMap { MoistAir.dewPoint(of: $0, at: humidity)?.celsius }
        case .surfaceHumidity, .aboveDewPoint:
            guard let air, let surface = surface(of: sensor, at: instant) else { return nil }
            if quantity == .surfaceHumidity { return MoistAir.humidity(at: surface, of: air, at: humidity).percent }
            return MoistAir.dewPoint(of: air, at: humidity).map { surface.celsius - $0.celsius }
        }
    }

    private func surface(of sensor: SensorName, at instant: Instant) -> Temperature? {
        switch surfaces[sensor] {
        case .at(let temperature): return temperature
        case .measured(let other):
            guard let there = warmth[other], abs((instant - there.at).ms) <= 3_600_000 else { return nil }
            return Temperature(celsius: there.celsius)
        case nil: return nil
        }
    }

    private func see(_ value: Double, of rule: Rule, _ sensor: SensorName, at instant: Instant, validAt: Instant? = nil) async {
        let key = Key(rule: rule.name, sensor: sensor)
        var state: RuleState
        if let known = states[key] { state = known } else { state = RuleState(raisedSince: try? await store.raisedSince(rule, sensor)) }
        let change = state.see(rule.excess(value), of: rule, at: instant)
        states[key] = state
        guard let change else { return }
        let alarm = Alarm(rule: rule, sensor: sensor, change, at: instant, value: value, validAt: validAt)
        log(
            alarm.state == .raised ? .warning : .info, alarm.state == .raised ? "alarm raised" : "alarm ended",
            ["rule": rule.name, "sensor": sensor, "value": alarm.environment["VAHO_ALARM_VALUE"] ?? "", "text": rule.text])
        do {
            try await store.keep(alarm, isToBeTold: delivery.hasTargets)
            await delivery.wake()
        } catch {
            log(.error, "alarm not stored: a restart may tell it again or not at all", ["rule": rule.name, "error": "\(error)"])
            await delivery.wake(unstored: alarm)
        }
    }
}

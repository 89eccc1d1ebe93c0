@testable import EdgeDaemon
import EdgeStore
import StoreExamples
import Forecasting
import HTTPClient
import Measures
import Observing
import Runtime
import Testing
import Wire

@Suite struct RuleTests {
    @Test func `each form of a rule is parsed, with its defaults`() throws {
        let damp = try Rule(name: "damp", text: "humidity above 65 % for 6 h")
        #expect(damp.subject == .now(.humidity) && damp.isAbove && damp.threshold == 65 && damp.hold == .seconds(21_600) && damp.hysteresis == 2)
        let frost = try Rule(name: "frost", text: "crypt: temperature below -1.5°C hysteresis 1")
        #expect(frost.sensor?.name == "crypt" && !frost.isAbove && frost.threshold == -1.5 && frost.hold == .zero && frost.hysteresis == 1)
        let wall = try Rule(name: "wall", text: "dew point within 1 K of surface for 30 min")
        #expect(
            wall.subject == .now(.aboveDewPoint) && !wall.isAbove && wall.threshold == 1 && wall.hold == .seconds(1_800) && wall.hysteresis == 0.5)
        let soon = try Rule(name: "soon", text: "forecast median above 70% within 24h")
        #expect(soon.subject == .forecast(level: ForecastShape.medianLevel, within: .seconds(86_400)) && soon.threshold == 70)
        #expect(try Rule(name: "x", text: "Roof: forecast p95 below 30 % within 2 d").subject == .forecast(level: 6, within: .seconds(172_800)))
        #expect(try Rule(name: "x", text: "surface humidity above 80").subject == .now(.surfaceHumidity))
        let mould = try Rule(name: "x", text: "mould index above 1")
        #expect(mould.subject == .now(.mouldIndex) && mould.hysteresis == 0.2 && mould.threshold == 1)
        #expect(try Rule(name: "x", text: "dew point above 12 °C for 2d").subject == .now(.dewPoint))
    }

    @Test(arguments: [
        ("", "expected humidity"), ("humidity", "above or below"), ("humidity over 65", "above or below"),
        ("humidity above wet", "a number was expected"),
        ("humidity above 65 % for a while", "a time such as"), ("humidity above 65 % since 6 h", "is unexpected"),
        ("forecast mean above 70 % within 1 h", "median, p05"),
        ("forecast median above 70 %", "the longest lead time is missing"), ("forecast median above 70 % within 9 d", "5 days"),
        ("dew point within 1 K of wall", "of surface"), ("mould index above 7", "a mould index is 0 to 6"),
        ("no such name!: humidity above 5", "not a sensor name"), ("humidity above 1e400", "a number was expected"),
        ("humidity above", "a number is missing"),
        ("humidity above 60 hysteresis -1", "0 or more"),
    ])
    func `a rule that cannot be parsed is refused with the expected form`(text: String, words: String) {
        let problem = #expect(throws: RuleProblem.self) { try Rule(name: "x", text: text) }
        #expect(problem?.description.contains(words) == true, "\(problem?.description ?? "")")
    }
}

@Suite struct RuleStateTests {
    private func changes(_ text: String, _ values: [(minutes: Int64, value: Double)]) throws -> [String] {
        let rule = try Rule(name: "x", text: text)
        var state = RuleState()
        return values.compactMap { minutes, value in
            switch state.update(rule.excess(value), of: rule, at: Instant(ms: minutes * 60_000)) {
            case .raised(let since): "raised at \(minutes) since \(since.ms / 60_000)"
            case .ended(let since): "ended at \(minutes) since \(since.ms / 60_000)"
            case nil: nil
            }
        }
    }

    @Test func `without a hold the second value in a row raises the alarm, and only a value beyond the hysteresis ends it`() throws {
        let values = [(0, 65), (1, 65.1), (2, 65.2), (3, 64), (4, 63.1), (5, 63), (6, 70), (7, 64), (8, 70), (9, 70)]
        let found = try changes("humidity above 65 %", values.map { (minutes: Int64($0.0), value: $0.1) })
        #expect(found == ["raised at 2 since 1", "ended at 5 since 1", "raised at 9 since 8"])
    }

    @Test func `a forecast raises an alarm at once, because it cannot be a single false reading`() throws {
        #expect(try changes("forecast median above 70 % within 24 h", [(0, 71)]) == ["raised at 0 since 0"])
    }

    @Test func `a value below the threshold or a gap restarts the hold`() throws {
        let steady = (0...12).map { (minutes: Int64($0) * 5, value: 70.0) }
        #expect(try changes("humidity above 65 % for 1 h", steady) == ["raised at 60 since 0"])
        let dips = steady.map { (minutes: $0.minutes, value: $0.minutes == 30 ? 65 : 70.0) }
        #expect(try changes("humidity above 65 % for 1 h", dips).isEmpty)
        let gap = [(0, 70.0), (5, 70), (25, 70), (70, 70), (75, 70), (80, 70), (85, 70), (120, 70)].map { (minutes: Int64($0.0), value: $0.1) }
        #expect(try changes("humidity above 65 % for 1 h", gap).isEmpty)
    }

    @Test func `a hold also works for a sensor that reports once an hour`() throws {
        let hourly = (0...6).map { (minutes: Int64($0) * 60, value: 70.0) }
        #expect(try changes("humidity above 65 % for 2 h", hourly) == ["raised at 180 since 60"])
    }

    @Test func `a rule with below works in the opposite direction, and a humidity limited to 100 % can end its alarm`() throws {
        let found = try changes("temperature below 4 °C", [(0, 5), (1, 3.9), (2, 3.8), (3, 4.4), (4, 4.6)])
        #expect(found == ["raised at 2 since 1", "ended at 4 since 1"])
        #expect(try changes("humidity below 98 %", [(0, 97), (1, 97), (2, 100)]) == ["raised at 1 since 0", "ended at 2 since 0"])
    }

    @Test func `a clock that is set back by a year does not block a rule, and the hold restarts`() throws {
        let year: Int64 = 365 * 24 * 60
        let ahead = (0...10).map { (minutes: year + $0 * 5, value: 70.0) }
        let right = (0...12).map { (minutes: Int64(1_000 + $0 * 5), value: 70.0) }
        #expect(try changes("humidity above 65 % for 1 h", ahead + right) == ["raised at 1060 since 1000"])
    }

    @Test func `without hysteresis an alarm ends at the threshold`() throws {
        #expect(try changes("humidity above 65 % hysteresis 0", [(0, 66), (1, 66), (2, 65)]) == ["raised at 1 since 0", "ended at 2 since 0"])
    }
}

@Suite struct RuleWatchTests {
    private let log = Log("test", minimumLevel: .error)

    private func forecast(origin: Instant, median: Double) -> QuantileForecast {
        let leads = ForecastShape.leadTimes(on: .fine)
        let humidity = leads.flatMap { lead in
            ForecastShape.levels.map { level in lead == .seconds(86_400) ? median + 10 * (level - 0.5) : 50 + 10 * (level - 0.5) }
        }
        return QuantileForecast(
            origin: origin, leadTimes: leads, humidity: humidity, temperature: nil, climatology: leads.map { _ in 50 }, skill: leads.map { _ in nil },
            now: RelativeHumidity(percent: 50), method: .network)
    }

    @Test(.timeLimit(.minutes(1))) func `a forecast beyond the threshold raises an alarm with its time, one beyond the reach does not`() async throws
    {
        let store = try await ReadingStore(path: ":memory:", host: HostIdentity(fingerprint: "a", bootID: "b"), log: log)
        let delivery = AlarmDelivery(.command("true"), device: DeviceIdentity(try #require(DeviceID("d"))), store: store, log: log)
        let rules = [
            try Rule(name: "day", text: "forecast median above 70 % within 24 h"),
            try Rule(name: "near", text: "forecast median above 70 % within 12 h"),
            try Rule(name: "high", text: "forecast p90 above 74 % within 24 h"),
        ]
        let roof = try #require(SensorName("roof"))
        let watch = RuleWatch(
            rules: rules, sensors: [roof], surfaces: [:], store: store, mouldIndexes: MouldIndexes(store: store), deliveries: [delivery], log: log)
        let origin = Instant(ms: 1_790_000_400_000)
        #expect(watch.inbox.enqueue(.forecast(roof, forecast(origin: origin, median: 71))))
        watch.inbox.close()
        await #expect(throws: CancellationError.self) { try await watch.run() }
        let raised = try await store.alerts()
        #expect(raised.map(\.rule) == ["day", "high"])
        #expect(raised.first?.valueMilli == 71_000)
        let untold = try #require(try await store.read { try $0.alarms.undelivered(for: "command") }.first)
        #expect(untold.alarm.validAt == origin + .seconds(86_400) && untold.alarm.at == origin)
        // 71 % at the median: the quantiles 70 and 72.5 % at .4 and .6 lie around the threshold.
        #expect(untold.alarm.expected?.from == origin + .seconds(86_400) && untold.alarm.expected?.until == nil)
        #expect(untold.alarm.expected?.percent == 60)
        let json = String(decoding: untold.alarm.json(device: try #require(DeviceID("d"))), as: UTF8.self)
        #expect(json.contains("\"probability_pct\":60") && json.contains("\"expected_until\":null"))
    }

    /// Ten-minute observations: first below 65 %, then above 65 % for the last five hours before the restart.
    @Test(.timeLimit(.minutes(1)), arguments: [(true, 60), (false, 60), (true, 300)])
    func `a hold continues over a restart, and an alarm that was already reported is not reported again`(isRaised: Bool, below: Int) async throws {
        let store = try await ReadingStore(path: ":memory:", host: HostIdentity(fingerprint: "a", bootID: "b"), log: log)
        let roof = try #require(SensorName("roof"))
        try await store.register(roof)
        let start = Instant(ms: 1_790_000_400_000)
        let minutes = stride(from: 0, through: below + 310, by: 10)
        for minute in minutes {
            let at = start + .seconds(minute * 60)
            let outcome = DerivedRow(
                roof, Observation(validAt: at, humidity: RelativeHumidity(percent: minute < below ? 50 : 70), temperature: nil), through: 0)
            _ = try await store.append([], derived: [outcome])
        }
        let rule = try Rule(name: "damp", text: "humidity above 65 % for 320 min")
        if isRaised {
            let since = start
            try await store.write {
                try $0.alarms.store(Alarm(rule: rule, sensor: roof, .raised(since: since), at: since, value: 70, validAt: nil), targets: [])
            }
        }
        let delivery = AlarmDelivery(.command("true"), device: DeviceIdentity(try #require(DeviceID("d"))), store: store, log: log)
        let watch = RuleWatch(
            rules: [rule], sensors: [roof], surfaces: [:], store: store, mouldIndexes: MouldIndexes(store: store), deliveries: [delivery], log: log)
        let now = start + .seconds((below + 320) * 60)
        #expect(watch.inbox.enqueue(.reading(roof, Reading(takenAt: now, humidityMpct: 70_000))))
        watch.inbox.close()
        await #expect(throws: CancellationError.self) { try await watch.run() }
        let told = try await store.read { try $0.alarms.undelivered(for: "command") }.map(\.alarm)
        #expect(told.map(\.state) == (isRaised ? [] : [.raised]))
        if !isRaised { #expect(told.first?.since == start + .seconds(below * 60)) }
        #expect(try await store.alerts().map(\.rule) == ["damp"])
    }

    @Test(.timeLimit(.minutes(1))) func `the alarm of a removed sensor ends`() async throws {
        let store = try await ReadingStore(path: ":memory:", host: HostIdentity(fingerprint: "a", bootID: "b"), log: log)
        let (roof, crypt) = (try #require(SensorName("roof")), try #require(SensorName("crypt")))
        let rule = try Rule(name: "damp", text: "humidity above 65 %")
        for sensor in [roof, crypt] {
            let alarm = Alarm(rule: rule, sensor: sensor, .raised(since: Instant(ms: 5)), at: Instant(ms: 5), value: 70, validAt: nil)
            try await store.write { try $0.alarms.store(alarm, targets: []) }
        }
        let delivery = AlarmDelivery(.command("true"), device: DeviceIdentity(try #require(DeviceID("d"))), store: store, log: log)
        let watch = RuleWatch(
            rules: [rule], sensors: [crypt], surfaces: [:], store: store, mouldIndexes: MouldIndexes(store: store), deliveries: [delivery], log: log)
        watch.inbox.close()
        await #expect(throws: CancellationError.self) { try await watch.run() }
        #expect(try await store.alerts().map(\.sensor) == [crypt])
        #expect(try await store.read { try $0.alarms.undelivered(for: "command") }.map(\.alarm.state) == [.ended])
    }

    @Test func `waiting alarms are limited, the newest stay, and each is read back unchanged`() async throws {
        let store = try await ReadingStore(path: ":memory:", host: HostIdentity(fingerprint: "a", bootID: "b"), log: log)
        let rule = try Rule(name: "damp", text: "humidity above 65 % for 6 h")
        let roof = try #require(SensorName("roof"))
        for number in 1...(Int(AlarmTable.undeliveredLimit) + 5) {
            let at = Instant(ms: Int64(number))
            try await store.write {
                try $0.alarms.store(Alarm(rule: rule, sensor: roof, .ended(since: at), at: at, value: -0.25, validAt: at), targets: ["webhook"])
            }
        }
        let waiting = try await store.read { try $0.alarms.undelivered(for: "webhook") }
        #expect(waiting.count == Int(AlarmTable.undeliveredLimit))
        #expect(try await store.read { try $0.alarms.undelivered(for: "command") }.isEmpty)
        let first = waiting.first?.alarm
        if let number = waiting.first?.number { try await store.write { try $0.alarms.deleteDelivered(number) } }
        #expect(try await store.read { try $0.alarms.undelivered(for: "webhook") }.count == Int(AlarmTable.undeliveredLimit) - 1)
        let sixth = Instant(ms: 6)
        #expect(first == Alarm(rule: rule, sensor: roof, .ended(since: sixth), at: sixth, value: -0.25, validAt: sixth))
    }
}

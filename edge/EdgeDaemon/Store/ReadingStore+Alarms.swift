package import Measures
internal import SQLite

/// Which alarms are on, and what of them has not been told yet; few rows beside the store's other notes.
extension ReadingStore {
    private static let raised = "alarm:raised:"
    private static let untold = "alarm:untold:"
    /// Beyond it the oldest are dropped: after months without a network the newest matter.
    static let untoldLimit = 1_000

    /// Since when a rule's alarm is on; `nil` where it is not, and where the rule was another then.
    func raisedSince(_ rule: Rule, _ sensor: SensorName) throws -> Instant? {
        guard let alarm = try meta(Self.raised + "\(rule.name):\(sensor)").flatMap(Alarm.init(stored:)), alarm.text == rule.text else { return nil }
        return alarm.since
    }

    /// All alarms that are on.
    package func raisedAlarms() throws -> [RaisedAlarm] {
        try metas(Self.raised).compactMap { Alarm(stored: $0.value) }.map {
            RaisedAlarm(rule: $0.rule, text: $0.text, sensor: $0.sensor, since: $0.since, value: $0.value)
        }
    }

    package struct RaisedAlarm: Sendable {
        package let rule: String
        package let text: String
        package let sensor: SensorName
        package let since: Instant
        package let value: Double
    }

    func keep(_ alarm: Alarm, isToBeTold: Bool) throws {
        try commit {
            let name = Self.raised + "\(alarm.rule):\(alarm.sensor)"
            if alarm.state == .raised { try setMeta(name, alarm.stored) } else { try removeMeta(name) }
            guard isToBeTold else { return }
            let waiting = try metas(Self.untold)
            let number = (waiting.last.flatMap { Int($0.name.dropFirst(Self.untold.utf8.count)) } ?? 0) + 1
            for old in waiting.dropLast(Self.untoldLimit - 1) { try removeMeta(old.name) }
            let digits = String(number)
            try setMeta(Self.untold + String(repeating: "0", count: max(0, 12 - digits.utf8.count)) + digits, alarm.stored)
        }
    }

    /// The oldest that has not been told.
    func untoldAlarm() throws -> (name: String, alarm: Alarm)? {
        for (name, text) in try metas(Self.untold) {
            if let alarm = Alarm(stored: text) { return (name, alarm) }
            try removeMeta(name)
        }
        return nil
    }

    func told(_ name: String) throws { try removeMeta(name) }

    /// Forgets the alarms of rules that are no more.
    func keepAlarms(of rules: [Rule]) throws {
        for (name, text) in try metas(Self.raised) where !rules.contains(where: { Alarm(stored: text)?.text == $0.text }) { try removeMeta(name) }
    }

    private func metas(_ prefix: String) throws -> [(name: String, value: String)] {
        var select = try database.prepare("SELECT name, value FROM meta WHERE name >= ?1 AND name < ?1 || char(0x10FFFF) ORDER BY name")
        try select.bind(prefix, at: 1)
        var found: [(String, String)] = []
        while try select.step() { found.append((select.text(0), select.text(1))) }
        return found
    }

    private func removeMeta(_ name: String) throws {
        try guarded(writes: true) {
            var delete = try database.prepare("DELETE FROM meta WHERE name = ?")
            try delete.bind(name, at: 1)
            try delete.run()
        }
    }
}

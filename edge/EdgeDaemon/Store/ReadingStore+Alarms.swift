internal import Measures
internal import Runtime
internal import SQLite
package import Wire

/// Which alarms are on, and what of them has not been told yet; few rows beside the store's other notes.
extension ReadingStore {
    private static let raised = "alarm.raised."
    /// Of each target, beyond which the oldest are dropped: after months without a network the newest matter.
    static let untoldLimit = 1_000

    private static func untold(_ target: String) -> String { "alarm.untold.\(target)." }

    /// Since when a rule's alarm is on; `nil` where it is not, and where the rule was another then.
    func raisedSince(_ rule: Rule, _ sensor: SensorName) throws -> Instant? {
        guard let alarm = try meta(Self.raised + "\(rule.name).\(sensor)").flatMap(Alarm.init(stored:)), alarm.text == rule.text else { return nil }
        return alarm.since
    }

    /// All alarms that are on.
    package func alerts() throws -> [ThresholdAlert] {
        try alarmsThatAreOn().map {
            ThresholdAlert(rule: $0.rule, text: $0.text, sensor: $0.sensor, since: $0.since, valueMilli: Int64(Milli.whole($0.value) ?? 0))
        }
    }

    func alarmsThatAreOn() throws -> [Alarm] { try metas(Self.raised).compactMap { Alarm(stored: $0.value) } }

    /// - Parameter targets: which are to be told of it.
    func keep(_ alarm: Alarm, targets: [String]) throws {
        try commit {
            let name = Self.raised + "\(alarm.rule).\(alarm.sensor)"
            if alarm.state == .raised { try setMeta(name, alarm.stored) } else { try removeMeta(name) }
            for target in targets {
                let prefix = Self.untold(target)
                let waiting = try metas(prefix)
                // Never a number that was before, and in their order: a store that has been made anew goes on from the clock.
                let last = waiting.last.flatMap { Int64($0.name.dropFirst(prefix.utf8.count)) } ?? 0
                let digits = String(max(last + 1, LabelClock.wallClock.ms, newestAlarm + 1))
                newestAlarm = Int64(digits) ?? last
                for old in waiting.dropLast(Self.untoldLimit - 1) { try removeMeta(old.name) }
                try setMeta(prefix + String(repeating: "0", count: max(0, 16 - digits.utf8.count)) + digits, alarm.stored)
            }
        }
    }

    /// What a target has not been told, the oldest first.
    func untoldAlarms(_ target: String) throws -> [(name: String, alarm: Alarm)] {
        try metas(Self.untold(target)).compactMap { name, text in Alarm(stored: text).map { (name, $0) } }
    }

    func told(_ name: String) throws { try removeMeta(name) }

    func metas(_ prefix: String) throws -> [(name: String, value: String)] {
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

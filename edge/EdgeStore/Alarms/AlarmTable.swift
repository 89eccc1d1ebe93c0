package import Measures
internal import Runtime
internal import SQLite

/// Alarms that are raised now, and alarms not yet delivered to a target.
package struct AlarmTable {
    /// Undelivered alarms kept per target. Beyond the limit the oldest are discarded: after months without a network only the newest matter.
    package static let undeliveredLimit: Int64 = 1_000
    /// The columns that the tables `raised_alarm` and `waiting_alarm` share.
    static let columns = """
        rule, sensor, text, state, since_ms, at_ms, value, valid_at_ms, expected_from_ms, expected_until_ms, probability_pct
        """

    private let database: Connection
    private var newestNumber: Int64 = 0  // the highest number assigned since the start

    init(_ database: Connection) { self.database = database }

    /// When a rule's alarm was raised; `nil` if no alarm is raised, or if the rule had another text when the alarm was raised.
    package func raisedSince(rule: String, text: String, sensor: SensorName) throws -> Instant? {
        var select = try database.prepare(
            "SELECT since_ms FROM raised_alarm WHERE rule = ? AND sensor = ? AND text = ?", rule, sensor.name, text)
        return try select.step() ? Instant(ms: select.integer(0)) : nil
    }

    /// All alarms that are raised now, ordered by rule and sensor.
    package func raised() throws -> [Alarm] {
        var select = try database.prepare("SELECT 0, \(Self.columns) FROM raised_alarm ORDER BY rule, sensor")
        var alarms: [Alarm] = []
        while try select.step() { if let alarm = select.alarm() { alarms.append(alarm) } }
        return alarms
    }

    /// Stores that an alarm was raised or ended, and enqueues the alarm for each target. Only inside a transaction.
    package mutating func store(_ alarm: Alarm, targets: [String]) throws {
        try database.run("DELETE FROM raised_alarm WHERE rule = ? AND sensor = ?", alarm.rule, alarm.sensor.name)
        if alarm.state == .raised { try Self.insertRaised(alarm, into: database) }
        for target in targets {
            // Numbers always increase and are never reused. A newly created store does not know the numbers of the store before it, so the
            // numbers start at the current time in milliseconds.
            let last = try database.integer("SELECT MAX(number) FROM waiting_alarm") ?? 0
            newestNumber = max(last + 1, WallClock.now.ms, newestNumber + 1)
            try Self.insertWaiting(alarm, number: newestNumber, target: target, into: database)
            try database.run(
                """
                DELETE FROM waiting_alarm WHERE target = ?1
                    AND number <= (SELECT number FROM waiting_alarm WHERE target = ?1 ORDER BY number DESC LIMIT 1 OFFSET ?2)
                """, target, Self.undeliveredLimit)
        }
    }

    static func insertRaised(_ alarm: Alarm, into database: Connection) throws {
        try insert(alarm, "INSERT OR IGNORE INTO raised_alarm (\(columns)) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", [], into: database)
    }

    static func insertWaiting(_ alarm: Alarm, number: Int64, target: String, into database: Connection) throws {
        let sql = "INSERT OR IGNORE INTO waiting_alarm (\(columns), number, target) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        try insert(alarm, sql, [number, target], into: database)
    }

    private static func insert(_ alarm: Alarm, _ sql: String, _ others: [any SQLValue], into database: Connection) throws {
        let values: [any SQLValue] = [
            alarm.rule, alarm.sensor.name, alarm.text, alarm.state.rawValue, alarm.since.ms, alarm.at.ms, alarm.value, alarm.validAt?.ms,
            alarm.expected?.from.ms, alarm.expected?.until?.ms, alarm.expected.map { Int64($0.percent) },
        ]
        var statement = try database.prepare(sql)
        try statement.bind(values + others)
        try statement.run()
    }

    /// Undelivered alarms for a target, oldest first.
    package func undelivered(for target: String) throws -> [(number: Int64, alarm: Alarm)] {
        var select = try database.prepare("SELECT number, \(Self.columns) FROM waiting_alarm WHERE target = ? ORDER BY number", target)
        var alarms: [(number: Int64, alarm: Alarm)] = []
        while try select.step() { if let alarm = select.alarm() { alarms.append((select.integer(0), alarm)) } }
        return alarms
    }

    /// Deletes a delivered alarm.
    package func deleteDelivered(_ number: Int64) throws { try database.run("DELETE FROM waiting_alarm WHERE number = ?", number) }
}

extension Statement {
    /// Decodes a row with any first column, followed by `AlarmTable.columns`; `nil` if the row is damaged.
    borrowing func alarm() -> Alarm? {
        guard let sensor = SensorName(text(2)), let state = Alarm.State(rawValue: text(4)) else { return nil }
        var alarm = Alarm(
            rule: text(1), text: text(3), sensor: sensor, state: state, since: Instant(ms: integer(5)), at: Instant(ms: integer(6)),
            value: double(7), validAt: optionalInteger(8).map(Instant.init(ms:)))
        if let from = optionalInteger(9), let percent = optionalInteger(11) {
            alarm.expected = Alarm.Expectation(
                from: Instant(ms: from), until: optionalInteger(10).map(Instant.init(ms:)), percent: Int(max(0, min(100, percent))))
        }
        return alarm
    }
}

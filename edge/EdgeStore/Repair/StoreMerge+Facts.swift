internal import Measures
internal import SQLite
internal import Text

/// Merges calibrations, renames, alarms and single values.
extension StoreMerge {
    func mergeCorrections(_ source: Connection, _ legacy: LegacyMeta, hasTables: Bool, _ report: inout Report) throws {
        for rename in legacy.renames { try CorrectionTable.save(.rename(rename), in: target) }
        guard hasTables else { return }
        try forEachRow(source, "calibration", "sensor, from_ms, said_at_ms, gain_ppm, offset_mpct", &report) { row in
            guard let sensor = SensorName(row.text(1)) else { return }
            let calibration = Calibration(
                sensor: sensor, from: Instant(ms: row.integer(2)), enteredAt: Instant(ms: row.integer(3)), gainPpm: Int32(clamping: row.integer(4)),
                offsetMpct: Int32(clamping: row.integer(5)))
            if calibration.isValid { try CorrectionTable.save(.calibration(calibration), in: target) }
        }
        try forEachRow(source, "sensor_rename", "sensor, name, until_ms, said_at_ms", &report) { row in
            guard let sensor = SensorName(row.text(1)), let name = SensorName(row.text(2)) else { return }
            let rename = SensorRename(sensor: sensor, name: name, until: Instant(ms: row.integer(3)), enteredAt: Instant(ms: row.integer(4)))
            if rename.isValid { try CorrectionTable.save(.rename(rename), in: target) }
        }
    }

    func mergeAlarms(_ source: Connection, _ legacy: LegacyMeta, hasTables: Bool, _ report: inout Report) throws {
        for alarm in legacy.raised { try AlarmTable.insertRaised(alarm, into: target) }
        for undelivered in legacy.undelivered {
            try AlarmTable.insertWaiting(undelivered.alarm, number: undelivered.number, target: undelivered.target, into: target)
        }
        guard hasTables else { return }
        try forEachRow(source, "raised_alarm", AlarmTable.columns, &report) { row in
            if let alarm = row.alarm() { try AlarmTable.insertRaised(alarm, into: target) }
        }
        try forEachRow(source, "waiting_alarm", key: "number", AlarmTable.columns + ", target", &report) { row in
            guard let alarm = row.alarm() else { return }
            try AlarmTable.insertWaiting(alarm, number: row.integer(0), target: row.text(12), into: target)
        }
    }

    func mergeMeta(_ source: Connection, _ report: inout Report) throws {
        try forEachRowFromBothEnds(source, "SELECT name, value FROM meta", order: "name", &report) { row in
            guard row.text(0) != "set_aside", !LegacyMeta.isLegacy(row.text(0)) else { return }
            try target.run("INSERT OR IGNORE INTO meta VALUES (?, ?)", row.text(0), row.text(1))
        }
    }

    private func forEachRow(
        _ source: Connection, _ table: String, key: String = "id", _ columns: String, _ report: inout Report,
        _ body: (borrowing Statement) throws -> Void
    ) throws {
        var scan = TableScan(source, table: table, key: key, columns: columns)
        try scan.forEach { row in
            try body(row)
            return true
        }
        report.isDamaged = report.isDamaged || scan.isDamaged
    }
}

/// Values that stores up to version 3 kept as text in `meta`, under names with a prefix.
struct LegacyMeta {
    private(set) var lives: [(number: Int64, epoch: Epoch)] = []
    private(set) var sensors: [(id: Int64, name: SensorName)] = []
    private(set) var renames: [SensorRename] = []
    private(set) var raised: [Alarm] = []
    private(set) var undelivered: [(number: Int64, target: String, alarm: Alarm)] = []

    private static let names = ["release_counter", "release_sha256", "calibrations_through"]
    private static let prefixes = ["life:", "sensor:", "rename.", "alarm.raised.", "alarm.untold."]

    static func isLegacy(_ name: String) -> Bool { names.contains(name) || prefixes.contains { name.hasPrefix($0) } }

    init(_ source: Connection) {
        var texts: [String: String] = [:]
        for order in ["ASC", "DESC"] {  // from each end up to the first unreadable row
            for (name, value) in source.readableRows("SELECT name, value FROM meta ORDER BY name \(order)", { ($0.text(0), $0.text(1)) }) {
                texts[name] = value
            }
        }
        for (name, value) in texts.sorted(by: { $0.key < $1.key }) { parse(name, value) }
    }

    private mutating func parse(_ name: String, _ value: String) {
        guard let prefix = Self.prefixes.first(where: { name.hasPrefix($0) }) else { return }
        let rest = name.dropFirst(prefix.count)
        switch prefix {
        case "life:": if let number = Int64(rest), let epoch = Epoch(hex: value) { lives.append((number, epoch)) }
        case "sensor:": if let id = Int64(rest), let sensor = SensorName(value) { sensors.append((id, sensor)) }
        case "rename.":  // rename.SAID_AT.SENSOR: SENSOR NAME UNTIL
            let words = value.split(separator: " ")
            guard words.count == 3, let sensor = SensorName(String(words[0])), let new = SensorName(String(words[1])), let until = Int64(words[2]),
                let enteredAt = Int64(rest.prefix { $0 != "." })
            else { return }
            renames.append(SensorRename(sensor: sensor, name: new, until: Instant(ms: until), enteredAt: Instant(ms: enteredAt)))
        case "alarm.raised.": if let alarm = Self.alarm(value) { raised.append(alarm) }
        default:  // alarm.untold.TARGET.NUMBER
            guard let alarm = Self.alarm(value), let dot = rest.lastIndex(of: "."), let number = Int64(rest[rest.index(after: dot)...]) else {
                return
            }
            undelivered.append((number, String(rest[..<dot]), alarm))
        }
    }

    /// Fields between unit separators; the last three may be missing.
    private static func alarm(_ text: String) -> Alarm? {
        let fields = text.split(separator: "\u{1F}", omittingEmptySubsequences: false).map(String.init)
        guard fields.count >= 8, let sensor = SensorName(fields[2]), let state = Alarm.State(rawValue: fields[3]), let since = Int64(fields[4]),
            let at = Int64(fields[5]), let value = NumberText.decimal(fields[6])
        else { return nil }
        var alarm = Alarm(
            rule: fields[0], text: fields[1], sensor: sensor, state: state, since: Instant(ms: since), at: Instant(ms: at), value: value,
            validAt: Int64(fields[7]).map(Instant.init(ms:)))
        if fields.count == 11, let from = Int64(fields[8]), let percent = Int(fields[10]) {
            alarm.expected = Alarm.Expectation(from: Instant(ms: from), until: Int64(fields[9]).map(Instant.init(ms:)), percent: percent)
        }
        return alarm
    }
}

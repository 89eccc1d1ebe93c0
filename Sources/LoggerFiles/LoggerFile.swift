package import Measures
internal import Text

/// A file that a third-party logger or app has exported. `LayoutRecognition` finds out how the file is written.
package struct LoggerFile {
    package struct Options: Sendable {
        package var dateOrder: DateOrder?
        /// The time zone of times without an offset; `nil`: such times are refused.
        package var zone: TimeZoneRules?

        /// A row with a later time is a problem: its date was read wrong.
        package var latest: Instant?

        package init(dateOrder: DateOrder? = nil, zone: TimeZoneRules? = nil, latest: Instant? = nil) {
            (self.dateOrder, self.zone, self.latest) = (dateOrder, zone, latest)
        }
    }

    package struct Row: Sendable, Equatable {
        package let line: Int
        package let takenAt: Instant
        package let humidityPct: Double
        package let temperatureC: Double?
    }

    package struct Problem: Sendable, Equatable {
        package let line: Int
        package let text: String
    }

    /// The rows of a file, and how many were left out.
    package struct Result: Sendable, Equatable {
        package var rows: [Row] = []  // by time; of rows with the same time, the first
        package var problems: [Problem] = []  // the first ones
        package var problemCount = 0
        package var missing = 0  // rows without a humidity
        package var repeated = 0  // rows with the time of an earlier row
    }

    package let layout: LoggerLayout
    private let text: LoggerText
    private let options: Options
    private static let shownProblems = 20

    /// - Throws: `UnknownLayout` if the file has no header with a time and a humidity.
    package init(_ bytes: [UInt8], options: Options = Options()) throws {
        text = LoggerText(bytes)
        self.options = options
        layout = try LayoutRecognition(text: text, dateOrder: options.dateOrder).layout()
    }

    /// Reads all rows. A row that cannot be read is a problem with its line; the others are read on.
    /// - Parameter limit: only this many rows.
    /// - Throws: `UnknownLayout` if the file does not say its time zone and the options do not either.
    package func read(limit: Int = .max) throws -> Result {
        guard layout.namesZone || options.zone != nil else {
            throw UnknownLayout(description: "the times have no time zone: name it (--zone, or zone= by HTTP), \(TimeZoneRules.syntax)")
        }
        var result = Result()
        var last: Instant?
        forEachRow { line, number in
            do throws(Unreadable) {
                if let row = try row(line, number, after: last) {
                    last = row.takenAt
                    result.rows.append(row)
                } else {
                    result.missing += 1
                }
            } catch {
                result.problemCount += 1
                if result.problems.count < LoggerFile.shownProblems { result.problems.append(Problem(line: number, text: error.text)) }
            }
            return result.rows.count < limit
        }
        sort(&result)
        return result
    }

    /// Calls `body` with the lines after the header, the oldest row first if the file begins with its newest: repeated hours are told apart by the row before.
    private func forEachRow(_ body: (String, Int) -> Bool) {
        guard layout.isNewestFirst else {
            return text.forEachLine { line, number in number > layout.headerLine ? body(line, number) : true }
        }
        var lines: [(String, Int)] = []
        text.forEachLine { line, number in
            if number > layout.headerLine { lines.append((line, number)) }
            return true
        }
        for (line, number) in lines.reversed() where !body(line, number) { return }
    }

    private func sort(_ result: inout Result) {
        let sorted = result.rows.sorted { ($0.takenAt, $0.line) < ($1.takenAt, $1.line) }
        result.rows = []
        for row in sorted {
            if result.rows.last?.takenAt == row.takenAt { result.repeated += 1 } else { result.rows.append(row) }
        }
    }

    private struct Unreadable: Error { let text: String }

    /// - Returns: `nil` if nothing was measured.
    private func row(_ line: String, _ number: Int, after last: Instant?) throws(Unreadable) -> Row? {
        let fields = CSV.fields(of: line, separator: layout.separator).map { $0.trimmingBlanks() }
        guard fields.count > max(layout.time, layout.humidity, layout.timeOfDay ?? 0) else {
            throw Unreadable(text: "\(fields.count) fields found, the header has \(layout.columns.count)")
        }
        if fields.dropFirst(layout.columns.count).contains(where: { !$0.isEmpty }) {
            throw Unreadable(
                text: "\(fields.count) fields found, the header has \(layout.columns.count): decimal commas in a file that is separated by commas?")
        }
        let time = LayoutRecognition.time(of: fields, layout.time, layout.timeOfDay) ?? ""
        guard let local = TimeText.parse(time, layout.dateOrder) else {
            throw Unreadable(text: "«\(PrintableText.line(time, limit: 40))» is not a time")
        }
        let takenAt = try instant(of: local, after: last)
        guard let percent = try value(fields[layout.humidity], "humidity") else { return nil }
        guard Milli.rounded(percent) != nil else { throw Unreadable(text: "a humidity of \(fields[layout.humidity].prefix(40)) % is out of range") }
        return Row(line: number, takenAt: takenAt, humidityPct: percent, temperatureC: temperature(fields))
    }

    /// A temperature that cannot be read must not discard the humidity.
    private func temperature(_ fields: [String]) -> Double? {
        guard let column = layout.temperature, column < fields.count, let value = try? value(fields[column], "temperature") else { return nil }
        return layout.isFahrenheit ? (value - 32) / 1.8 : value
    }

    private func instant(of local: LocalTime, after last: Instant?) throws(Unreadable) -> Instant {
        var seconds: Int64?
        if let offset = local.offset ?? layout.offset {
            seconds = local.seconds - offset
        } else if let zone = options.zone {
            let candidates = zone.instants(ofLocal: local.seconds)
            // When clocks are put back, an hour occurs twice: take the first instant that is after the row before.
            seconds = candidates.first { last == nil || $0 * 1_000 + local.milliseconds > last?.ms ?? 0 } ?? candidates.last
            seconds = seconds ?? zone.instant(ofSkipped: local.seconds)
        }
        guard let seconds else {
            let isZoneMissing = options.zone == nil
            throw Unreadable(
                text: isZoneMissing
                    ? "this time has no offset: name the time zone"
                    : "the rules of the time zone end before this time: name an offset such as +02:00 instead")
        }
        let instant = Instant(ms: seconds * 1_000 + local.milliseconds)
        guard instant >= Instant.earliestPlausible, instant <= options.latest ?? instant else {
            throw Unreadable(text: "the time \(RFC3339.format(ms: instant.ms)) cannot be right")
        }
        return instant
    }

    /// A number with or without its unit; `nil` if nothing was measured.
    private func value(_ text: String, _ what: String) throws(Unreadable) -> Double? {
        // The minus sign of typography.
        let isMinus = text.utf8.starts(with: [0xE2, 0x88, 0x92])
        let bytes = (isMinus ? [45] : []) + text.utf8.dropFirst(isMinus ? 3 : 0)
        let end = bytes.firstIndex { !((43...46).contains($0) || (48...57).contains($0)) } ?? bytes.count
        let digits = bytes[..<end].map { $0 == 44 && layout.hasDecimalComma ? 46 : $0 }
        let hasDigits = { (bytes: ArraySlice<UInt8>) in bytes.contains { (48...57).contains($0) } }
        if !hasDigits(bytes[end...]), let value = NumberText.decimal(String(decoding: digits, as: UTF8.self)) { return value }
        // Loggers write words where a sensor gave no value.
        guard hasDigits(bytes[...]) else { return nil }
        throw Unreadable(text: "\(what) «\(PrintableText.line(text, limit: 40))» is not a number")
    }
}

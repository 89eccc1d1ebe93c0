internal import Text

/// Finds the layout of a file in its first lines.
struct LayoutRecognition {
    private static let sampleLines = 2_000
    private static let headerLines = 200  // a header is one of the first lines: loggers write up to some dozens of lines about themselves
    private static let separators: [UInt8] = [9, 59, 44, 124]

    let text: LoggerText
    /// The order of the dates, if a person says it.
    let dateOrder: DateOrder?

    private struct Header {
        let separator: UInt8
        let line: Int
        let index: Int  // in the sample
        let names: [String]
        var contents: [ColumnWords.Content] { names.map(ColumnWords.content) }
    }

    func layout() throws(UnknownLayout) -> LoggerLayout {
        let sample = text.firstLines(LayoutRecognition.sampleLines)
        guard !sample.isEmpty else { throw UnknownLayout(description: "the file is empty") }
        let headers = sample.prefix(LayoutRecognition.headerLines).indices.flatMap { index in
            LayoutRecognition.separators.compactMap { separator in header(sample[index], index, separator) }
        }
        guard !headers.isEmpty else { throw problem(sample) }
        for header in headers { if let layout = layout(header, sample) { return layout } }
        throw UnknownLayout(
            description: "line \(headers[0].line) names the columns, but no line after it has a readable time in the time column")
    }

    /// A line with the names of a humidity column and a time column.
    private func header(_ line: (text: String, number: Int), _ index: Int, _ separator: UInt8) -> Header? {
        let names = CSV.fields(of: line.text, separator: separator).map { $0.trimmingBlanks() }
        let header = Header(separator: separator, line: line.number, index: index, names: names)
        let contents = header.contents
        guard contents.contains(.humidity), contents.contains(where: { [.time, .date, .timeOfDay].contains($0) }) else { return nil }
        return header
    }

    private func problem(_ sample: [(text: String, number: Int)]) -> UnknownLayout {
        let first = PrintableText.line(sample[0].text, limit: 80)
        return UnknownLayout(
            description:
                "none of the first \(min(sample.count, LayoutRecognition.headerLines)) lines names a column of times and a column of relative "
                + "humidity, such as time,humidity_pct,temperature_c; the first line is «\(first)»")
    }

    private func layout(_ header: Header, _ sample: [(text: String, number: Int)]) -> LoggerLayout? {
        let contents = header.contents
        let rows = sample[(header.index + 1)...].map { CSV.fields(of: $0.text, separator: header.separator).map { $0.trimmingBlanks() } }
        guard let humidity = contents.firstIndex(of: .humidity),
            let time = [.time, .date, .timeOfDay].lazy.compactMap({ contents.firstIndex(of: $0) }).first
        else { return nil }
        // A date without a time of day goes with the column of the time of day.
        let isWhole = rows.contains { time < $0.count && $0[time].utf8.contains(58) }
        let timeOfDay = contents[time] == .date && !isWhole ? contents.firstIndex(of: .timeOfDay) : nil
        let times = rows.compactMap { LayoutRecognition.time(of: $0, time, timeOfDay) }
        guard times.contains(where: { text in DateOrder.allCases.contains { TimeText.parse(text, $0) != nil } }) else { return nil }
        let knownOrder = dateOrder ?? ColumnWords.dateOrder(header.names[time]) ?? LayoutRecognition.order(times)
        let order = knownOrder ?? LayoutRecognition.guessedOrder(times)
        let temperature = contents.firstIndex(of: .temperature)
        let values = rows.flatMap { row in [humidity, temperature ?? humidity].compactMap { $0 < row.count ? row[$0] : nil } }
        let seconds = times.compactMap { TimeText.parse($0, order)?.seconds }
        let steps = zip(seconds, seconds.dropFirst())
        let isNewestFirst = steps.count { $1 < $0 } > steps.count { $1 > $0 }
        let hasDecimalComma = values.contains { $0.utf8.contains(44) && !$0.utf8.contains(46) }
        return LoggerLayout(
            encoding: text.encoding, separator: header.separator, headerLine: header.line, columns: header.names, time: time, timeOfDay: timeOfDay,
            humidity: humidity, temperature: temperature, isFahrenheit: isFahrenheit(header, rows, temperature), hasDecimalComma: hasDecimalComma,
            dateOrder: order, isDateOrderGuessed: knownOrder == nil, isNewestFirst: isNewestFirst,
            offset: LayoutRecognition.offset(in: header.names[timeOfDay ?? time]),
            hasOffsets: times.lazy.compactMap { TimeText.parse($0, order) }.first?.offset != nil)
    }

    /// The text of a row's time; `nil` if the row has no such column.
    static func time(of row: [String], _ time: Int, _ timeOfDay: Int?) -> String? {
        guard max(time, timeOfDay ?? 0) < row.count, !row[time].isEmpty else { return nil }
        return timeOfDay.map { row[time] + " " + row[$0] } ?? row[time]
    }

    private func isFahrenheit(_ header: Header, _ rows: [[String]], _ temperature: Int?) -> Bool {
        guard let temperature else { return false }
        if let named = ColumnWords.isFahrenheit(header.names[temperature]) { return named }
        // Some loggers write the unit after each value.
        return rows.lazy.compactMap { temperature < $0.count ? ColumnWords.isFahrenheit($0[temperature]) : nil }.first ?? false
    }

    /// The order that the dates show by, in turn: a year first, a number above 12, points between the numbers, the shortest gaps between neighbours.
    /// - Returns: `nil` if the times do not say it.
    private static func order(_ times: [String]) -> DateOrder? {
        let dates = times.compactMap(TimeText.dateNumbers)
        if dates.allSatisfy({ $0.0 > 31 }) { return .yearMonthDay }
        if dates.contains(where: { $0.0 > 12 && $0.0 <= 31 }) { return .dayMonthYear }
        if dates.contains(where: { $0.1 > 12 }) { return .monthDayYear }
        // Dates such as 01.02.2026 are written day first.
        if times.first?.utf8.prefix(6).contains(46) == true { return .dayMonthYear }
        func gaps(_ order: DateOrder) -> Int64 {
            let seconds = times.compactMap { TimeText.parse($0, order)?.seconds }
            return zip(seconds, seconds.dropFirst()).reduce(0) { $0 + ($1.1 - $1.0 < 0 ? $1.0 - $1.1 : $1.1 - $1.0) }
        }
        let (day, month) = (gaps(.dayMonthYear), gaps(.monthDayYear))
        return day == month ? nil : day < month ? .dayMonthYear : .monthDayYear
    }

    /// In files with AM and PM the month usually comes first, in other files the day.
    private static func guessedOrder(_ times: [String]) -> DateOrder {
        times.first?.utf8.last.map { $0 == 77 || $0 == 109 } == true ? .monthDayYear : .dayMonthYear
    }

    /// The offset that a name such as "Date Time, GMT-04:00" says.
    private static func offset(in name: String) -> Int64? {
        let bytes = Array(name.utf8)
        for start in bytes.indices.dropLast(2) {
            let part = String(decoding: bytes[start..<min(start + 9, bytes.count)], as: UTF8.self)
            guard part.uppercased().hasPrefix("GMT") || part.uppercased().hasPrefix("UTC") else { continue }
            let zone = part.utf8.prefix { $0 != 41 && $0 != 44 && $0 != 93 }
            if let time = TimeText.parse("1970-01-01 00:00 " + String(decoding: Array(zone), as: UTF8.self), .yearMonthDay) { return time.offset }
        }
        return nil
    }
}

/// Fields of one line of a CSV file, quoted or unquoted (RFC 4180). A line break inside quotes is not supported.
package enum CSV {
    package static func fields(of line: some StringProtocol, separator: UInt8 = 44) -> [String] {
        var fields: [String] = []
        var field: [UInt8] = []
        var isQuoted = false
        var bytes = line.utf8.makeIterator()
        var next = bytes.next()
        while let byte = next {
            next = bytes.next()
            switch byte {
            case 34 where isQuoted && next == 34:
                field.append(34)
                next = bytes.next()
            case 34: isQuoted.toggle()
            case separator where !isQuoted:
                fields.append(String(decoding: field, as: UTF8.self))
                field.removeAll(keepingCapacity: true)
            case 13 where next == nil: break
            default: field.append(byte)
            }
        }
        fields.append(String(decoding: field, as: UTF8.self))
        return fields
    }

    /// A field, in quotes if necessary.
    package static func field(_ text: String) -> String {
        guard text.utf8.contains(where: { $0 == 34 || $0 == 44 || $0 == 10 || $0 == 13 }) else { return text }
        var quoted = "\""
        for character in text.unicodeScalars { quoted += character == "\"" ? "\"\"" : String(Character(character)) }
        return quoted + "\""
    }
}

/// A recorded series: `time,humidity_pct,temperature_c[,…]`, one reading per line, an empty field if nothing was measured.
package struct SeriesCSV: Sendable {
    package struct Row: Sendable, Equatable {
        package let takenAtMs: Int64
        package let humidityPct: Double?
        package let temperatureC: Double?
        package var droppedValueNote: String?  // the problem, if the temperature field is not a number

        package init(takenAtMs: Int64, humidityPct: Double?, temperatureC: Double?) {
            self.takenAtMs = takenAtMs
            self.humidityPct = humidityPct
            self.temperatureC = temperatureC
        }
    }

    package struct Malformed: Error, Equatable, CustomStringConvertible {
        package let line: Int
        package let problem: String
        package var description: String { "line \(line): \(problem)" }
    }

    private let time: Int
    private let humidity: Int
    private let temperature: Int?
    private let count: Int

    /// - Parameter header: the first line of the file. A byte order mark before it, and blanks around names, are ignored.
    package init(header: some StringProtocol) throws(Malformed) {
        let names = CSV.fields(of: header).enumerated().map { index, name in
            (index == 0 && name.utf8.starts(with: TextLines.byteOrderMark) ? name.dropFirst() : name[...]).trimmingBlanks()
        }
        guard let time = names.firstIndex(of: "time"), let humidity = names.firstIndex(of: "humidity_pct") else {
            let found = WordList.text(names.map { "«\(PrintableText.line($0, limit: 40))»" })
            let isUTF16 = header.utf8.contains(0)
            let isOtherSeparator = names.count == 1 && (header.contains(";") || header.contains("\t"))
            let hint = isUTF16 ? "; the file seems to be UTF-16: save it as UTF-8" : isOtherSeparator ? "; fields are separated by commas" : ""
            throw Malformed(
                line: 1,
                problem: "expected a header with time and humidity_pct, such as time,humidity_pct,temperature_c; found \(found)\(hint)")
        }
        for name in ["time", "humidity_pct", "temperature_c"] where names.count(where: { $0 == name }) > 1 {
            throw Malformed(line: 1, problem: "the header names \(name) twice: remove or rename one of them")
        }
        self.time = time
        self.humidity = humidity
        temperature = names.firstIndex(of: "temperature_c")
        count = names.count
    }

    /// - Parameter line: the number of the line in the file, for errors; the header is line 1.
    package func row(_ text: some StringProtocol, line: Int) throws(Malformed) -> Row {
        let fields = CSV.fields(of: text).map { $0.trimmingBlanks() }
        guard fields.count > max(time, humidity) else {
            throw Malformed(line: line, problem: "expected at least \(max(time, humidity) + 1) fields, found \(fields.count)")
        }
        guard fields.dropFirst(count).allSatisfy(\.isEmpty) else {
            throw Malformed(
                line: line, problem: "\(fields.count) fields found, the header has \(count): write numbers with a decimal point, not a comma")
        }
        guard let at = RFC3339.parse(fields[time]) else { throw Malformed(line: line, problem: SeriesCSV.problem(ofTime: fields[time])) }
        let percent = try number(fields[humidity], "humidity_pct", line)
        var row = Row(takenAtMs: at, humidityPct: percent, temperatureC: nil)
        if let temperature, temperature < fields.count {
            // An invalid temperature must not discard the humidity.
            do throws(Malformed) {
                row = Row(takenAtMs: at, humidityPct: percent, temperatureC: try number(fields[temperature], "temperature_c", line))
            } catch { row.droppedValueNote = "\(error)" }
        }
        return row
    }

    private func number(_ text: String, _ name: String, _ line: Int) throws(Malformed) -> Double? {
        guard !text.isEmpty else { return nil }
        guard let value = NumberText.decimal(text) else {
            throw Malformed(line: line, problem: "\(name) «\(PrintableText.line(text, limit: 40))» is not a finite decimal number")
        }
        return value
    }

    private static func problem(ofTime text: String) -> String {
        let shown = PrintableText.line(text, limit: 40)
        for completed in [text + "Z", text + ":00Z", text + "T00:00:00Z"] where RFC3339.parse(completed) != nil {
            return "time «\(shown)» has no zone: write it as 2026-11-21T04:10:00Z for UTC, or with its offset, 2026-11-21T05:10:00+01:00"
        }
        return "time «\(shown)» does not have the form 2026-11-21T04:10:00Z"
    }
}

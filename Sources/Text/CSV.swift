/// One line of a CSV file: RFC 4180 fields, quoted or not. A line break inside quotes is not supported.
package enum CSV {
    package static func fields(of line: some StringProtocol) -> [String] {
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
            case 44 where !isQuoted:
                fields.append(String(decoding: field, as: UTF8.self))
                field.removeAll(keepingCapacity: true)
            case 13 where next == nil: break
            default: field.append(byte)
            }
        }
        fields.append(String(decoding: field, as: UTF8.self))
        return fields
    }

    /// A field, quoted where it has to be.
    package static func field(_ text: String) -> String {
        guard text.utf8.contains(where: { $0 == 34 || $0 == 44 || $0 == 10 || $0 == 13 }) else { return text }
        var quoted = "\""
        for character in text.unicodeScalars { quoted += character == "\"" ? "\"\"" : String(Character(character)) }
        return quoted + "\""
    }
}

/// A recorded series: `time,humidity_pct,temperature_c[,…]`, one reading a line, an empty field where nothing was measured.
package struct SeriesCSV: Sendable {
    package struct Row: Sendable, Equatable {
        package let takenAtMs: Int64
        package let humidityPct: Double?
        package let temperatureC: Double?

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

    /// - Parameter header: the first line of the file.
    package init(header: some StringProtocol) throws(Malformed) {
        let names = CSV.fields(of: header)
        guard let time = names.firstIndex(of: "time"), let humidity = names.firstIndex(of: "humidity_pct") else {
            throw Malformed(line: 1, problem: "expected a header with time and humidity_pct, such as time,humidity_pct,temperature_c")
        }
        self.time = time
        self.humidity = humidity
        temperature = names.firstIndex(of: "temperature_c")
    }

    /// - Parameter line: its number in the file, for the error; the header is line 1.
    package func row(_ text: some StringProtocol, line: Int) throws(Malformed) -> Row {
        let fields = CSV.fields(of: text)
        guard fields.count > max(time, humidity) else {
            throw Malformed(line: line, problem: "expected at least \(max(time, humidity) + 1) fields, \(fields.count) came")
        }
        guard let at = RFC3339.parse(fields[time]) else {
            throw Malformed(line: line, problem: "time «\(fields[time])» is not like 2026-11-21T04:10:00Z")
        }
        func number(_ index: Int?, _ name: String) throws(Malformed) -> Double? {
            guard let index, index < fields.count, !fields[index].isEmpty else { return nil }
            guard let value = NumberText.decimal(fields[index]) else {
                throw Malformed(line: line, problem: "\(name) «\(fields[index])» is not a finite decimal number")
            }
            return value
        }
        return Row(
            takenAtMs: at, humidityPct: try number(humidity, "humidity_pct"),
            temperatureC: try number(temperature, "temperature_c"))
    }
}

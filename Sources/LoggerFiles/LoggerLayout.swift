/// How a logger's file is written, as recognised from its first lines. A person sees the layout before an import.
package struct LoggerLayout: Sendable, Equatable {
    package let encoding: String
    package let separator: UInt8
    package let headerLine: Int
    package let columns: [String]  // the names in the header
    package let time: Int  // the column of the time, or of the date if the time of day has its own column
    package let timeOfDay: Int?
    package let humidity: Int
    package let temperature: Int?
    package let isFahrenheit: Bool
    package let hasDecimalComma: Bool
    package let dateOrder: DateOrder
    /// Whether the times do not say which number is the day.
    package let isDateOrderGuessed: Bool
    /// Whether the file begins with its newest row.
    package let isNewestFirst: Bool
    /// Seconds east of UTC that the header says for all times.
    package let offset: Int64?
    /// Whether the first readable time has an offset from UTC.
    package let hasOffsets: Bool

    /// Whether the file says how its times relate to UTC; otherwise a person has to name the time zone.
    package var namesZone: Bool { offset != nil || hasOffsets }

    /// The layout in words, for a person who confirms it.
    package var description: [(what: String, value: String)] {
        let separators: [UInt8: String] = [9: "tab", 44: "comma", 59: "semicolon", 124: "vertical bar"]
        let timeColumns = [time, timeOfDay].compactMap { $0 }.map { "«\(columns[$0])»" }.joined(separator: " and ")
        return [
            ("encoding", encoding), ("separator", separators[separator] ?? "blank"), ("header", "line \(headerLine)"),
            ("time", "\(timeColumns), dates such as \(dateOrder.example)\(isDateOrderGuessed ? " (a guess)" : "")"),
            (
                "time zone",
                offset.map { "UTC\($0 < 0 ? "−" : "+")\(LoggerLayout.clock($0.magnitude))" }
                    ?? (hasOffsets ? "each time has its offset" : "not in the file")
            ),
            ("humidity", "«\(columns[humidity])», %"),
            ("temperature", temperature.map { "«\(columns[$0])», \(isFahrenheit ? "°F" : "°C")" } ?? "none"),
            ("decimals", hasDecimalComma ? "comma" : "point"),
        ]
    }

    private static func clock(_ seconds: UInt64) -> String {
        let minutes = seconds / 60
        return "\(minutes / 600)\(minutes / 60 % 10):\(minutes % 60 / 10)\(minutes % 10)"
    }
}

/// No layout was recognised; the description gives the reason and the remedy.
package struct UnknownLayout: Error, Equatable, CustomStringConvertible {
    package let description: String
}

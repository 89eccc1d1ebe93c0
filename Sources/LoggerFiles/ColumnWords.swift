/// Recognises the content of a column by its name, in the languages of common loggers.
enum ColumnWords {
    enum Content: Equatable {
        case time, date, timeOfDay, humidity, temperature, other
    }

    /// Parts of the names of columns that contain derived values or limits, not measurements.
    private static let excluded = [
        "dew", "tau", "rosée", "rocío", "rugiada", "wet", "vpd", "absolut", "abs.", "mixing", "enthalp", "heat", "feels", "limit", "alarm", "min",
        "max",
        "setpoint", "battery", "rssi", "pressure", "druck", "co2", "dioxide", "host", "serial", "version", "interval", "frost", "vapour", "vapor",
        "average",
    ]
    private static let humidity = [
        "humid", "feucht", "humedad", "umidit", "kosteus", "vocht", "luftfugt", "fukt", "%rh", "% rh", "%rf", "%hr", "rh%", "hygro",
    ]
    private static let temperature = ["temp", "celsius", "fahrenheit", "°c", "°f", "℃", "℉", "lämpö"]
    private static let date = ["date", "datum", "fecha", "data", "päivä", "dato"]
    private static let time = ["time", "zeit", "uhrzeit", "hora", "heure", "ora", "tijd", "kello", "timestamp"]

    static func content(of name: String) -> Content {
        let name = name.lowercased()
        // Times first: "Timestamp for sample frequency every 1 min" also contains the excluded word "min".
        let isTime = contains(name, time), isDate = contains(name, date)
        if isTime, isDate || hasWord(name, "timestamp") || hasWord(name, "datetime") { return .time }
        if isDate { return .date }
        if isTime { return .timeOfDay }
        if excluded.contains(where: { contains(name, [$0]) }) { return .other }
        if contains(name, humidity) || hasWord(name, "rh") || hasWord(name, "hr") || hasWord(name, "hum") { return .humidity }
        if contains(name, temperature) || hasWord(name, "t") { return .temperature }
        return .other
    }

    /// Whether a temperature column is in °F, by its unit or by the single letter; `nil` if the name does not say.
    static func isFahrenheit(_ name: String) -> Bool? {
        let name = name.lowercased()
        if contains(name, ["°f", "℉", "fahrenheit"]) { return true }
        if contains(name, ["°c", "℃", "celsius"]) || hasWord(name, "c") { return false }
        return hasWord(name, "f") ? true : nil
    }

    /// The order of dates that a name such as "Time(dd/mm/yyyy)" says.
    static func dateOrder(_ name: String) -> DateOrder? {
        let name = name.lowercased()
        if contains(name, ["dd/mm", "dd.mm", "dd-mm", "d/m/"]) { return .dayMonthYear }
        if contains(name, ["mm/dd", "mm-dd/", "m/d/"]) { return .monthDayYear }
        return contains(name, ["yyyy-mm", "yyyy/mm"]) ? .yearMonthDay : nil
    }

    private static func contains(_ name: String, _ parts: [String]) -> Bool {
        let name = Array(name.utf8)
        return parts.contains { part in
            let part = Array(part.utf8)
            return name.count >= part.count && (0...name.count - part.count).contains { name[$0..<$0 + part.count].elementsEqual(part) }
        }
    }

    /// Whether a word stands alone in the name.
    private static func hasWord(_ name: String, _ word: String) -> Bool {
        name.utf8.split { !((97...122).contains($0) || (48...57).contains($0)) }.contains { $0.elementsEqual(word.utf8) }
    }
}

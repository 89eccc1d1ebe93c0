internal import Measures
internal import Observing
internal import Text

/// A line that a program printed: `humidity[,temperature[,pressure]]`, or `humidity_pct=… temperature_c=… pressure_hpa=…` in any
/// order, with whatever else beside it. In %, °C and hPa.
struct SpokenReading {
    static let limit = 256  // bytes

    /// - Throws: `SensorError` that says what was expected.
    static func sample(_ line: some StringProtocol) throws(SensorError) -> Sample {
        var (humidity, temperature, pressure): (Double?, Double?, Double?)
        if line.utf8.contains(UInt8(ascii: "=")) {
            for word in line.split(whereSeparator: { $0 == " " || $0 == "\t" || $0 == "," }) {
                let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                guard parts.count == 2 else { continue }
                switch parts[0] {
                case "humidity_pct": humidity = try number(parts[1], line)
                case "temperature_c": temperature = try number(parts[1], line)
                case "pressure_hpa": pressure = try number(parts[1], line)
                default: continue
                }
            }
        } else {
            let parts = line.split(separator: ",", omittingEmptySubsequences: false)
            guard parts.count <= 3 else { throw SensorError("«\(line.prefix(60))»: expected humidity[,temperature[,pressure]]") }
            humidity = try number(parts[0], line)
            if parts.count > 1 { temperature = try number(parts[1], line) }
            if parts.count > 2 { pressure = try number(parts[2], line) }
        }
        guard let humidity, let mpct = Milli.whole(humidity) else {
            throw SensorError("«\(line.prefix(60))» has no humidity: expected humidity[,temperature[,pressure]] or humidity_pct=… temperature_c=…")
        }
        if let pressure, !(300...1_100).contains(pressure) { throw SensorError("«\(line.prefix(60))»: a pressure of 300 to 1100 hPa was expected") }
        return Sample(
            humidityMpct: mpct, temperatureMc: temperature.flatMap(Milli.whole), pressurePa: pressure.map { Int32(($0 * 100).rounded()) },
            flags: QualityControl.isImpossible(humidityMpct: mpct) ? .impossible : [])
    }

    /// An empty one is none.
    private static func number(_ text: Substring, _ line: some StringProtocol) throws(SensorError) -> Double? {
        var text = text
        while text.first == " " || text.first == "\t" { text.removeFirst() }
        while text.last == " " || text.last == "\t" || text.last == "\r" { text.removeLast() }
        guard !text.isEmpty else { return nil }
        guard let value = NumberText.decimal(String(text)) else { throw SensorError("«\(line.prefix(60))»: «\(text.prefix(20))» is no number") }
        return value
    }

    private static func number(_ text: some StringProtocol, _ line: some StringProtocol) throws(SensorError) -> Double? {
        try number(Substring(text), line)
    }
}

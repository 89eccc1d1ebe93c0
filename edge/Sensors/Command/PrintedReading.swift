internal import Measures
internal import Observing
internal import Text

/// Parses a line printed by a program: `humidity[,temperature[,pressure]]`, or `humidity_pct=… temperature_c=… pressure_hpa=…` in any order
/// and with any other words. In %, °C and hPa.
struct PrintedReading {
    static let limit = 256  // bytes

    /// If the temperature or pressure is not a number or out of range, the value is left out and the sample's `droppedValueNote`
    /// describes the problem.
    /// - Throws: `SensorError`, whose description names the expected form.
    static func sample(_ line: some StringProtocol) throws(SensorError) -> Sample {
        let shown = PrintableText.line(line, limit: 60)
        var fields = try line.utf8.contains(UInt8(ascii: "=")) ? parseNamed(line, shown) : parseListed(line, shown)
        guard let humidity = try number(fields.humidity ?? "", shown), let mpct = Milli.rounded(humidity) else {
            throw SensorError("«\(shown)» has no humidity: expected humidity[,temperature[,pressure]] or humidity_pct=… temperature_c=…")
        }
        var omissions: [String] = []
        let temperature = optionalValue(&fields.temperature, "a temperature", -200...1_000, &omissions)
        let pressure = optionalValue(&fields.pressure, "a pressure", 0...200_000, &omissions).flatMap { pressure -> Int32? in
            if let pascals = pascals(pressure) { return pascals }
            omissions.append("expected a pressure of 300 to 1100 hPa, got «\(fields.pressure ?? "")»")
            return nil
        }
        return Sample(
            humidityMpct: mpct, temperatureMc: temperature.flatMap(Milli.rounded), pressurePa: pressure,
            flags: QualityControl.isImpossible(humidityMpct: mpct) ? .impossible : [],
            droppedValueNote: omissions.isEmpty ? nil : "«\(shown)»: " + omissions.joined(separator: "; "))
    }

    private struct Fields {
        var humidity: String?
        var temperature: String?
        var pressure: String?
    }

    private static func parseNamed(_ line: some StringProtocol, _ shown: String) throws(SensorError) -> Fields {
        var fields = Fields()
        var isFirst = true
        for word in line.split(whereSeparator: { $0 == " " || $0 == "\t" || $0 == "," || $0 == "\r" }) {
            let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            defer { isFirst = false }
            guard parts.count == 2 else {
                // `45,2` instead of `45.2`: ignoring the 2 would change the value.
                if !isFirst, NumberText.decimal(word) != nil {
                    throw SensorError("«\(shown)»: unexpected number «\(word)»: numbers need a decimal point, a comma separates values")
                }
                continue
            }
            switch parts[0] {
            case "humidity_pct": fields.humidity = String(parts[1])
            case "temperature_c": fields.temperature = String(parts[1])
            case "pressure_hpa": fields.pressure = String(parts[1])
            default: continue
            }
        }
        return fields
    }

    private static func parseListed(_ line: some StringProtocol, _ shown: String) throws(SensorError) -> Fields {
        let parts = String(line).split(separator: ",", omittingEmptySubsequences: false).map { String($0) }
        guard parts.count <= 3 else { throw SensorError("«\(shown)»: expected humidity[,temperature[,pressure]]") }
        return Fields(humidity: parts[0], temperature: parts.count > 1 ? parts[1] : nil, pressure: parts.count > 2 ? parts[2] : nil)
    }

    private static func optionalValue(_ text: inout String?, _ name: String, _ range: ClosedRange<Double>, _ omissions: inout [String]) -> Double? {
        let trimmed = (text ?? "").trimmingBlanks()
        text = PrintableText.line(trimmed, limit: 20)
        guard !trimmed.isEmpty else { return nil }
        if let value = NumberText.decimal(trimmed), range.contains(value) { return value }
        omissions.append("«\(text ?? "")» is not \(name)")
        return nil
    }

    /// Converts hPa to pascals. A number that can only be pascals is taken as pascals.
    private static func pascals(_ pressure: Double) -> Int32? {
        if (300...1_100).contains(pressure) { return Int32((pressure * 100).rounded()) }
        return (30_000...110_000).contains(pressure) ? Int32(pressure.rounded()) : nil
    }

    /// The number, or `nil` if the text is empty.
    private static func number(_ text: String, _ shown: String) throws(SensorError) -> Double? {
        let trimmed = text.trimmingBlanks()
        guard !trimmed.isEmpty else { return nil }
        guard let value = NumberText.decimal(trimmed) else {
            throw SensorError("«\(shown)»: «\(PrintableText.line(trimmed, limit: 20))» is not a number")
        }
        return value
    }
}

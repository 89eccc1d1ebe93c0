package import Measures
internal import Forecasting
internal import Text

/// A configured threshold that raises an alarm, written in words:
///
///     humidity above 65 % for 6 h
///     crypt: temperature below 4 °C
///     dew point within 1 K of surface for 30 min
///     forecast median above 70 % within 24 h hysteresis 3
///
/// A rule without a sensor before a colon applies to every sensor separately.
package struct Rule: Sendable, Equatable {
    package enum Quantity: String, Sendable, CaseIterable {
        case humidity
        case temperature
        case dewPoint = "dew point"
        case surfaceHumidity = "surface humidity"
        case aboveDewPoint = "surface above dew point"  // in K; written «dew point within N K of surface»
        case mouldIndex = "mould index"  // 0 to 6

        var unit: String? {
            switch self {
            case .humidity, .surfaceHumidity: "%"
            case .temperature, .dewPoint: "°C"
            case .aboveDewPoint: "K"
            case .mouldIndex: nil
            }
        }
    }

    package enum Subject: Sendable, Equatable {
        case now(Quantity)
        /// A forecast level (index in `ForecastShape.levels`), and the longest lead time to consider.
        case forecast(level: Int, within: Duration)
    }

    package let name: String
    package let text: String
    package let sensor: SensorName?
    package let subject: Subject
    package let isAbove: Bool
    package let threshold: Double  // %, °C or K
    package let hold: Duration
    package let hysteresis: Double  // how far the value must return behind the threshold to end the alarm

    var needsSurface: Bool { [.now(.surfaceHumidity), .now(.aboveDewPoint)].contains(subject) }

    /// The number of consecutive values that raise the alarm. Two without a hold, because a single reading could be false; one for a
    /// forecast.
    var minimumValues: Int { if case .now = subject { hold == .zero ? 2 : 1 } else { 1 } }

    /// The relative humidity threshold of the rule, for chart and outlook; `nil` for other quantities.
    package var humidityThreshold: HumidityThreshold? {
        switch subject {
        case .now(.humidity), .forecast: HumidityThreshold(rule: name, sensor: sensor, isAbove: isAbove, percent: threshold)
        case .now: nil
        }
    }

    /// How far a value exceeds the threshold; negative on the good side.
    func excess(_ value: Double) -> Double { isAbove ? value - threshold : threshold - value }
}

extension Rule {
    static let expectedForms =
        "humidity|temperature|dew point|surface humidity|mould index above|below NUMBER [for 6 h], dew point within NUMBER K of surface, or "
        + "forecast median|p05…p95 above|below NUMBER % within 24 h; then perhaps: hysteresis NUMBER"

    /// - Throws: `RuleProblem`, whose description names the expected words.
    package init(name: String, text: String) throws(RuleProblem) {
        var words = RuleWords(text)
        if let sensor = words.sensor {
            guard let named = SensorName(sensor) else { throw RuleProblem("«\(sensor)» before the colon is not a sensor name") }
            self.sensor = named
        } else {
            sensor = nil
        }
        var hysteresis: Double?
        if words.consume("forecast") {
            let level = try words.level()
            isAbove = try words.direction()
            threshold = try words.number("%")
            guard words.consume("within") else { throw RuleProblem("the time ahead is missing: forecast … within 24 h") }
            let within = try words.duration()
            guard within <= ForecastShape.horizon else { throw RuleProblem("a forecast reaches 5 days") }
            subject = .forecast(level: level, within: within)
        } else if words.consume("dew", "point", "within") {
            threshold = try words.number("K")
            guard words.consume("of", "surface") else { throw RuleProblem("expected: dew point within \(threshold) K of surface") }
            (subject, isAbove) = (.now(.aboveDewPoint), false)
        } else {
            let quantity: Quantity
            if words.consume("surface", "humidity") {
                quantity = .surfaceHumidity
            } else if words.consume("dew", "point") {
                quantity = .dewPoint
            } else if words.consume("mould", "index") {
                quantity = .mouldIndex
            } else if words.consume("humidity") {
                quantity = .humidity
            } else if words.consume("temperature") {
                quantity = .temperature
            } else {
                throw RuleProblem("«\(words.remainder)»: expected \(Rule.expectedForms)")
            }
            isAbove = try words.direction()
            threshold = try words.number(quantity.unit)
            subject = .now(quantity)
        }
        hold = words.consume("for") ? try words.duration() : .zero
        if words.consume("hysteresis") { hysteresis = try words.number(nil) }
        switch subject {
        case .forecast, .now(.humidity):
            guard (0...100).contains(threshold) else { throw RuleProblem("a humidity is 0 to 100 %") }
        case .now(.mouldIndex):
            guard (0...6).contains(threshold) else { throw RuleProblem("a mould index is 0 to 6") }
        default: break
        }
        guard words.isEmpty else { throw RuleProblem("«\(words.remainder)» is unexpected: expected \(Rule.expectedForms)") }
        let defaultHysteresis: Double =
            switch subject {
            case .now(.temperature), .now(.dewPoint), .now(.aboveDewPoint): 0.5
            case .now(.mouldIndex): 0.2
            default: 2
            }
        guard (hysteresis ?? defaultHysteresis) >= 0 else { throw RuleProblem("a hysteresis is 0 or more") }
        self.hysteresis = hysteresis ?? defaultHysteresis
        self.name = name
        self.text = text
    }
}

package struct RuleProblem: Error, CustomStringConvertible {
    package let description: String
    init(_ description: String) { self.description = description }
}

/// Parses the words of a rule from left to right.
private struct RuleWords {
    private var words: ArraySlice<Substring>
    let sensor: String?

    init(_ text: String) {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        sensor = parts.count == 2 ? String(parts[0].split(separator: " ").joined(separator: " ")).lowercased() : nil
        words = (parts.last ?? "").split { $0 == " " || $0 == "\t" }[...]
    }

    var isEmpty: Bool { words.isEmpty }
    var remainder: String { words.joined(separator: " ") }

    /// Consumes these words if they come next.
    mutating func consume(_ expectedWords: String...) -> Bool {
        guard words.prefix(expectedWords.count).map({ $0.lowercased() }) == expectedWords else { return false }
        words = words.dropFirst(expectedWords.count)
        return true
    }

    mutating func direction() throws(RuleProblem) -> Bool {
        if consume("above") { return true }
        if consume("below") { return false }
        throw RuleProblem("«\(remainder)»: above or below was expected")
    }

    mutating func level() throws(RuleProblem) -> Int {
        if consume("median") { return ForecastShape.medianLevel }
        for (index, level) in ForecastShape.levels.enumerated() {
            let percent = Int((level * 100).rounded())
            if consume(percent < 10 ? "p0\(percent)" : "p\(percent)") { return index }
        }
        throw RuleProblem("«\(remainder)»: median, p05, p10, p25, p75, p90 or p95 was expected")
    }

    /// A number and its unit, joined or apart; the unit may be left out.
    mutating func number(_ unit: String?) throws(RuleProblem) -> Double {
        guard var word = words.first.map(String.init) else { throw RuleProblem("a number is missing at the end") }
        var hasUnit = false
        if let unit, word.hasSuffix(unit), word != unit {
            word.removeLast(unit.count)
            hasUnit = true
        }
        guard let number = NumberText.decimal(word), number.magnitude <= 1_000 else { throw RuleProblem("«\(word)»: a number was expected") }
        words = words.dropFirst()
        if let unit, !hasUnit, words.first.map(String.init) == unit { words = words.dropFirst() }
        return number
    }

    /// `6h`, `6 h`, `30 min`, `2 d`.
    mutating func duration() throws(RuleProblem) -> Duration {
        let first = words.first.map(String.init) ?? ""
        var text = first
        var count = 1
        if Int64(first) != nil, words.count > 1 {
            text += words[words.startIndex + 1]
            count = 2
        }
        if text.hasSuffix("min") { text.removeLast(2) }
        guard let duration = DurationText.parse(text) else { throw RuleProblem("«\(text)»: a time such as 30 min, 6 h or 2 d was expected") }
        words = words.dropFirst(count)
        return duration
    }
}

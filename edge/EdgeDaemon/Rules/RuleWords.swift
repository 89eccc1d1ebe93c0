internal import Forecasting
internal import Text

/// Parses the words of a rule from left to right.
struct RuleWords {
    static let expectedForms =
        "humidity|temperature|dew point|surface humidity|mould index above|below NUMBER [for 6 h], dew point within NUMBER K of surface, or "
        + "forecast median|p05…p95 above|below NUMBER % within 24 h; then perhaps: hysteresis NUMBER"

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

    /// Parses the subject, the direction (above or below) and the threshold of the rule.
    mutating func condition() throws(RuleProblem) -> (subject: RuleSubject, isAbove: Bool, threshold: Double) {
        if consume("forecast") {
            let (level, isAbove, threshold) = (try level(), try direction(), try number("%"))
            guard consume("within") else { throw RuleProblem("the longest lead time is missing: expected forecast … within 24 h") }
            let within = try duration()
            guard within <= ForecastShape.horizon else { throw RuleProblem("a forecast reaches 5 days") }
            return (.forecast(level: level, within: within), isAbove, threshold)
        }
        if consume("dew", "point", "within") {
            let threshold = try number("K")
            guard consume("of", "surface") else { throw RuleProblem("expected: dew point within \(threshold) K of surface") }
            return (.now(.aboveDewPoint), false, threshold)
        }
        let quantity = try quantity()
        return (.now(quantity), try direction(), try number(quantity.unit))
    }

    private mutating func quantity() throws(RuleProblem) -> RuleQuantity {
        if consume("surface", "humidity") { return .surfaceHumidity }
        if consume("dew", "point") { return .dewPoint }
        if consume("mould", "index") { return .mouldIndex }
        if consume("humidity") { return .humidity }
        if consume("temperature") { return .temperature }
        throw RuleProblem("«\(remainder)»: expected \(RuleWords.expectedForms)")
    }

    private mutating func direction() throws(RuleProblem) -> Bool {
        if consume("above") { return true }
        if consume("below") { return false }
        throw RuleProblem("«\(remainder)»: above or below was expected")
    }

    private mutating func level() throws(RuleProblem) -> Int {
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

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
    package let name: String
    package let text: String
    package let sensor: SensorName?
    package let subject: RuleSubject
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

    /// How far a value exceeds the threshold; negative if the value does not exceed the threshold.
    func excess(_ value: Double) -> Double { isAbove ? value - threshold : threshold - value }
}

extension Rule {
    /// - Throws: `RuleProblem`, whose description names the expected words.
    package init(name: String, text: String) throws(RuleProblem) {
        var words = RuleWords(text)
        if let sensor = words.sensor {
            guard let named = SensorName(sensor) else { throw RuleProblem("«\(sensor)» before the colon is not a sensor name") }
            self.sensor = named
        } else {
            sensor = nil
        }
        (subject, isAbove, threshold) = try words.condition()
        hold = words.consume("for") ? try words.duration() : .zero
        hysteresis = words.consume("hysteresis") ? try words.number(nil) : subject.defaultHysteresis
        guard subject.thresholds?.contains(threshold) ?? true else { throw RuleProblem(subject.thresholdProblem) }
        guard words.isEmpty else { throw RuleProblem("«\(words.remainder)» is unexpected: expected \(RuleWords.expectedForms)") }
        guard hysteresis >= 0 else { throw RuleProblem("a hysteresis is 0 or more") }
        self.name = name
        self.text = text
    }
}

package struct RuleProblem: Error, CustomStringConvertible {
    package let description: String
    init(_ description: String) { self.description = description }
}

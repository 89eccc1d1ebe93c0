package import Measures
package import Text

extension HumidityThreshold {
    /// Writes the fields that reports and documents share: rule, sensor and direction. The limit follows, in the unit of the format.
    package func writeCondition(to json: inout JSONWriter) {
        json.field("rule", rule)
        json.field("sensor", sensor?.name)
        json.field("direction", isAbove ? "above" : "below")
    }
}

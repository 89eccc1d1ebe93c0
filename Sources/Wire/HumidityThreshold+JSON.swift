package import Measures
package import Text

extension HumidityThreshold {
    /// Writes the fields that reports and documents share: rule, sensor and direction. The caller then writes the limit, in the unit of
    /// its format.
    package func writeCondition(to json: inout JSONWriter) {
        json.field("rule", rule)
        json.field("sensor", sensor?.name)
        json.field("direction", isAbove ? "above" : "below")
    }
}

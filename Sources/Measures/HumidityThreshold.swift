/// A relative humidity limit that a user has configured.
package struct HumidityThreshold: Sendable, Hashable {
    package let rule: String
    package let sensor: SensorName?  // nil: every sensor
    package let isAbove: Bool  // true: values above `percent` break the rule; false: values below
    package let percent: Double

    package init(rule: String, sensor: SensorName?, isAbove: Bool, percent: Double) {
        self.rule = rule
        self.sensor = sensor
        self.isAbove = isAbove
        self.percent = percent
    }

    package func isBeyond(_ percent: Double) -> Bool { isAbove ? percent > self.percent : percent < self.percent }
}

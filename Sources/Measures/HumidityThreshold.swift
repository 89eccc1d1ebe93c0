/// A limit of relative humidity that somebody has set.
package struct HumidityThreshold: Sendable, Hashable {
    package let rule: String
    package let sensor: SensorName?  // nil: of every sensor
    package let isAbove: Bool  // whether to be above it is what matters, or below
    package let percent: Double

    package init(rule: String, sensor: SensorName?, isAbove: Bool, percent: Double) {
        self.rule = rule
        self.sensor = sensor
        self.isAbove = isAbove
        self.percent = percent
    }

    package func isBeyond(_ percent: Double) -> Bool { isAbove ? percent > self.percent : percent < self.percent }
}

/// The mean of the readings in one bin of the time grid that passed quality control. Models see only observations.
package struct Observation: Sendable, Hashable {
    package let validAt: Instant  // the end of the bin (validAt - step, validAt]
    package let humidity: RelativeHumidity  // 0 to 100 %
    package let temperature: Temperature?

    package init(validAt: Instant, humidity: RelativeHumidity, temperature: Temperature?) {
        self.validAt = validAt
        self.humidity = humidity
        self.temperature = temperature
    }
}

/// A reading together with the name of its sensor.
package struct SensorReading: Sendable, Hashable {
    package let sensor: SensorName
    package let reading: Reading

    package init(sensor: SensorName, reading: Reading) {
        self.sensor = sensor
        self.reading = reading
    }
}

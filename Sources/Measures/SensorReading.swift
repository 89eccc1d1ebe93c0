/// A reading and the sensor that it came from.
package struct SensorReading: Sendable, Hashable {
    package let sensor: SensorName
    package let reading: Reading

    package init(sensor: SensorName, reading: Reading) {
        self.sensor = sensor
        self.reading = reading
    }
}

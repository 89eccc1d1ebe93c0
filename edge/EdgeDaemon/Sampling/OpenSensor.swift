internal import EdgeStore
internal import Measures
internal import Observing
internal import Runtime
internal import Sensors

/// A configured sensor, opened.
struct OpenSensor {
    let configured: EdgeSettings.ConfiguredSensor
    let sensor: any Sensor
    let grid: TimeGrid

    var name: SensorName { configured.name }

    /// - Throws: if the configuration of a sensor is invalid: for example, the recording does not exist.
    static func all(_ settings: EdgeSettings, _ store: ReadingStore) async throws -> [OpenSensor] {
        var all: [OpenSensor] = []
        for configured in settings.sensors {
            let newest = try await store.newestInstant(of: configured.name)
            let sensor = try configured.spec.open(sysfs: settings.sysfs, startingAfter: newest, period: settings.samplePeriod)
            let grid = TimeGrid(medianSpacing: sensor.identity.spacing ?? settings.samplePeriod)
            all.append(OpenSensor(configured: configured, sensor: sensor, grid: grid))
        }
        return all
    }

    /// - Parameter serial: the serial number from the sensor notes; used if the sensor does not report its own.
    func record(serial: String?) -> SensorRecord {
        let identity = sensor.identity
        return SensorRecord(
            sensor: name, kind: identity.kind, driver: identity.driver, serial: identity.serial.isEmpty ? serial ?? "" : identity.serial,
            place: configured.place, step: grid.step)
    }
}

internal import Measures
internal import Runtime
package import Simulation

/// Air that never was; for a look at the product without a sensor.
package actor SimulatedSensor: Sensor {
    package nonisolated let identity: SensorIdentity
    private let air: SimulatedAir

    package init(_ setting: SimulatedAir.Setting, seed: UInt64) {
        air = SimulatedAir(setting, seed: seed)
        identity = SensorIdentity(kind: "simulated", driver: setting.rawValue, serial: String(seed))
    }

    package func read() -> Sample? {
        let (humidity, temperature) = air.air(at: LabelClock.wallClock)
        return Sample(humidityMpct: Milli.whole(humidity.percent), temperatureMc: Milli.whole(temperature.celsius), flags: .simulated)
    }
}

package import Measures
internal import Observing
internal import Runtime
package import Simulation

/// Simulated air, to try the product without a sensor; with simulated faults, to see how the product handles them.
package actor SimulatedSensor: Sensor {
    package nonisolated let identity: SensorIdentity
    private let air: SimulatedAir
    private let faultPercent: Double
    private let now: @Sendable () -> Instant

    /// - Parameter faultPercent: the share of time with a fault.
    package init(
        _ setting: SimulatedAir.Setting, seed: UInt64, faultPercent: Int = 0, now: @escaping @Sendable () -> Instant = { WallClock.now }
    ) {
        air = SimulatedAir(setting, seed: seed)
        self.faultPercent = Double(faultPercent)
        self.now = now
        identity = SensorIdentity(kind: "simulated", driver: setting.rawValue, serial: String(seed))
    }

    package func read() throws -> Sample? {
        let now = now()
        let (fault, since) = air.fault(at: now, percent: faultPercent) ?? (nil, now)
        let (humidity, temperature) = air.air(at: fault == .stuck ? since : now)
        var sample = Sample(humidityMpct: Milli.rounded(humidity.percent), temperatureMc: Milli.rounded(temperature.celsius), flags: .simulated)
        switch fault {
        case .silent: throw SensorError("the simulated sensor does not answer", isTransient: true)
        case .impossible:
            sample.humidityMpct = 250_000
            sample.flags.insert(.impossible)
        case .jumping: sample.humidityMpct = Milli.rounded(humidity.percent > 50 ? humidity.percent - 40 : humidity.percent + 40)
        case .stuck, nil: break
        }
        return sample
    }
}

package import Measures

/// The mould index, updated with each observation of a sensor. The index describes the air at the wall or window pane beside the sensor
/// if the temperature of that surface is known, else the air of the room.
package struct MouldTracking: Sendable, Equatable {
    /// How much history to replay: older observations no longer matter.
    package static let memory: Duration = .seconds(120 * 86_400)

    package private(set) var index: MouldIndex?  // nil: no observation with a temperature yet
    package private(set) var through: Instant?  // the time of the last observation
    private var lastAt: Instant?  // the time of the last observation with a temperature

    package init() {}

    /// - Parameter surface: the temperature of the surface at the observation's time.
    package mutating func add(_ observation: Observation, surface: Temperature? = nil) {
        through = observation.validAt
        guard let air = observation.temperature else { return }
        let (temperature, humidity) =
            surface.map { MoistAir.air(at: $0, of: air, at: observation.humidity) } ?? (air, observation.humidity)
        let span = lastAt.map { observation.validAt - $0 } ?? .zero
        index = index ?? MouldIndex()
        index?.advance(temperature, humidity, for: span)
        lastAt = observation.validAt
    }
}

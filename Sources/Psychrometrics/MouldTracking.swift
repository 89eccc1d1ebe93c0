package import Measures

/// The mould index along a sensor's observations, as they come: of the air at the wall or pane beside it where that is known, else of the
/// room's.
package struct MouldTracking: Sendable, Equatable {
    /// How far back observations are worth looking at.
    package static let memory: Duration = .seconds(120 * 86_400)

    package private(set) var index: MouldIndex?  // nil: no observation with a temperature yet
    package private(set) var through: Instant?  // of the last observation
    private var lastAt: Instant?  // of the last of them with a temperature

    package init() {}

    /// - Parameter surface: how cold it was then.
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

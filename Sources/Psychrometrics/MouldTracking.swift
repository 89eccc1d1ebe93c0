package import Measures

/// The mould index along a sensor's observations, as they come.
package struct MouldTracking: Sendable, Equatable {
    /// How far back observations are worth looking at.
    package static let memory: Duration = .seconds(120 * 86_400)

    package private(set) var index: MouldIndex?  // nil: no observation with a temperature yet
    package private(set) var through: Instant?  // of the last of them

    package init() {}

    package mutating func add(_ observation: Observation) {
        guard let temperature = observation.temperature else { return }
        let span = through.map { observation.validAt - $0 } ?? .zero
        index = index ?? MouldIndex()
        index?.advance(temperature, observation.humidity, for: span)
        through = observation.validAt
    }
}

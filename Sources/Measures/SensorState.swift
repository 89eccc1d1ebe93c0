/// The state of a sensor. One definition for edge, cloud, page, API, commands and metrics. A greater state is worse.
///
/// Raw values are part of the wire format: never reuse one.
package enum SensorState: UInt8, Sendable, CaseIterable, Comparable {
    case ok = 0
    case saturated = 1  // the value is at 0 or 100 %
    case flat = 2  // unchanged for longer than a working sensor of this resolution stays
    case stale = 3  // no reading for three periods, or no observation for three steps
    case failing = 4  // reading the sensor fails, or its newest value is impossible for air

    package var name: String {
        switch self {
        case .ok: "ok"
        case .saturated: "saturated"
        case .flat: "flat"
        case .stale: "stale"
        case .failing: "failing"
        }
    }

    package init?(name: String) {
        guard let state = SensorState.allCases.first(where: { $0.name == name }) else { return nil }
        self = state
    }

    /// Whether the last good value counts as the present value. Nothing is derived from an outdated value.
    package var isPresent: Bool { self < .stale }

    package static func < (a: SensorState, b: SensorState) -> Bool { a.rawValue < b.rawValue }

    /// A sensor is stale when its last reading or observation is more than this many periods or steps old.
    package static let stalePeriods = 3
}

/// A sensor's state, since when, and why.
package struct SensorCondition: Sendable, Hashable {
    package static let detailLimit = 200  // bytes of UTF-8

    package var state: SensorState
    package var since: Instant?  // nil: not known, or ok
    package private(set) var detail: String?  // the cause, for users

    package static let ok = SensorCondition(.ok)

    package init(_ state: SensorState, since: Instant? = nil, detail: String? = nil) {
        self.state = state
        self.since = since
        self.detail = detail.flatMap { $0.isEmpty ? nil : $0.truncated(toBytes: SensorCondition.detailLimit) }
    }

    /// This condition, or `stale` if this condition is better than `stale` and the last reading is too old.
    /// - Parameters:
    ///   - newestAt: the time of the last reading, or of the last observation.
    ///   - spacing: the sensor's period, or the step of its observations.
    package func aged(newestAt: Instant?, now: Instant, spacing: Duration) -> SensorCondition {
        guard state < .stale else { return self }
        guard let newestAt else { return SensorCondition(.stale, detail: "no reading yet") }
        // Readings of fast sensors can need a few seconds to arrive.
        let longest = max(spacing * SensorState.stalePeriods, .seconds(5))
        guard now - newestAt > longest else { return self }
        return SensorCondition(.stale, since: newestAt, detail: "no new reading")
    }
}

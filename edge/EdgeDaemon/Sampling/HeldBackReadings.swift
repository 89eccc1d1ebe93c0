internal import Measures
internal import Runtime
internal import Synchronization

/// The sensors whose newest reading is held back until the next reading shows whether it is a spike. Bins of these sensors stay open
/// meanwhile.
final class HeldBackReadings: Sendable {
    /// The longest time that a released reading needs to reach the store.
    private static let wayToStore: Duration = .seconds(10)

    private enum State { case held, released(ContinuousClock.Instant) }
    private let serviceClock: ServiceClock
    private let states = Mutex<[SensorName: State]>([:])

    init(serviceClock: ServiceClock = .host) { self.serviceClock = serviceClock }

    func set(_ sensor: SensorName, isHeld: Bool) {
        states.withLock { states in
            if isHeld { states[sensor] = .held } else if case .held = states[sensor] { states[sensor] = .released(serviceClock.now) }
        }
    }

    func isHeld(_ sensor: SensorName) -> Bool {
        states.withLock { states in
            switch states[sensor] {
            case nil: false
            case .held: true
            case .released(let at): serviceClock.now < at + HeldBackReadings.wayToStore
            }
        }
    }
}

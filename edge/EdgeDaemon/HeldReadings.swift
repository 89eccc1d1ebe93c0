internal import Measures
internal import Synchronization

/// Which sensors have a reading that is held back until the next one shows whether it is a spike. Their bins stay open meanwhile.
final class HeldReadings: Sendable {
    /// How long a reading that was released may be on its way to the store.
    private static let way: Duration = .seconds(10)

    private enum State { case held, released(ContinuousClock.Instant) }
    private let states = Mutex<[SensorName: State]>([:])

    func set(_ sensor: SensorName, isHeld: Bool) {
        states.withLock { states in
            if isHeld { states[sensor] = .held } else if case .held = states[sensor] { states[sensor] = .released(.now) }
        }
    }

    func isHeld(_ sensor: SensorName) -> Bool {
        states.withLock { states in
            switch states[sensor] {
            case nil: false
            case .held: true
            case .released(let at): .now < at + HeldReadings.way
            }
        }
    }
}

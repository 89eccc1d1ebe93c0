internal import Measures

/// How many of a device's sensors are in each state.
struct SensorCounts: Equatable {
    private var numbers: [Int64]  // by the raw value of SensorState

    init() { numbers = Array(repeating: 0, count: SensorState.allCases.count) }

    /// - Parameter rows: each a state and a number.
    init(_ rows: [Row]) {
        self.init()
        for row in rows {
            if let state = SensorState(rawValue: UInt8(truncatingIfNeeded: row.integer(0))) { numbers[Int(state.rawValue)] += row.integer(1) }
        }
    }

    /// - Parameter text: as `text` writes it.
    init(text: String) {
        self.init()
        for (index, number) in text.split(separator: ",").prefix(numbers.count).enumerated() { numbers[index] = Int64(number) ?? 0 }
    }

    var text: String { numbers.map(String.init).joined(separator: ",") }
    var states: [SensorState] { SensorState.allCases.filter { numbers[Int($0.rawValue)] > 0 } }
    func number(_ state: SensorState) -> Int64 { numbers[Int(state.rawValue)] }
}

/// The differences that a transaction makes to the totals of the fleet. The totals are stored and updated, because counting would read every device.
struct StateTotals {
    static let deviceKind = "device"
    private static let sensorKind = "sensor"

    private var devices: [DeviceState: Int64] = [:]
    private var sensors: [SensorState: Int64] = [:]

    /// - Parameters:
    ///   - state: the device's old state, from the table `device`; `nil` if the stored value is not a valid state.
    ///   - counts: how many sensors of the device the totals contain, by state; `nil` if the totals do not contain the device yet.
    mutating func replace(_ state: DeviceState?, _ counts: SensorCounts?, with newState: DeviceState, _ newCounts: SensorCounts) {
        remove(state, counts)
        devices[newState, default: 0] += 1
        for state in SensorState.allCases { sensors[state, default: 0] += newCounts.number(state) }
    }

    /// Subtracts a device, with the parameters of `replace`.
    mutating func remove(_ state: DeviceState?, _ counts: SensorCounts?) {
        guard let counts, let state else { return }
        devices[state, default: 0] -= 1
        for state in SensorState.allCases { sensors[state, default: 0] -= counts.number(state) }
    }

    /// Kind, state and difference, without differences of zero, sorted.
    var rows: [[DatabaseValue]] {
        let devices = devices.filter { $0.value != 0 }.sorted { $0.key.rawValue < $1.key.rawValue }
        let sensors = sensors.filter { $0.value != 0 }.sorted { $0.key < $1.key }
        return devices.map { [.text(StateTotals.deviceKind), .integer(Int64($0.key.rawValue)), .integer($0.value)] }
            + sensors.map { [.text(StateTotals.sensorKind), .integer(Int64($0.key.rawValue)), .integer($0.value)] }
    }
}

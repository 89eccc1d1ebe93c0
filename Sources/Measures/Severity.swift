/// Ranks of device and sensor states, for lists that show the worst first: 0 is the worst.
package enum Severity {
    package static let noProblemRank = 9

    package static func rank(_ state: DeviceState) -> Int {
        switch state {
        case .refused: 0
        case .silent: 1
        case .duplicate: 4
        case .clockUnset: 5
        case .ok, .revoked: noProblemRank
        }
    }

    package static func rank(_ state: SensorState) -> Int {
        switch state {
        case .failing: 2
        case .stale: 3
        case .flat: 6
        case .saturated: 7
        case .ok: noProblemRank
        }
    }
}

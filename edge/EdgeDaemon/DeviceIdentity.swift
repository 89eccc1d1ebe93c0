internal import Measures
internal import Synchronization

/// The device's name. An enrolment can change it while the daemon runs.
final class DeviceIdentity: Sendable {
    private let name: Mutex<DeviceID>
    init(_ name: DeviceID) { self.name = Mutex(name) }
    var current: DeviceID { name.withLock { $0 } }
    func set(_ new: DeviceID) { name.withLock { $0 = new } }
}

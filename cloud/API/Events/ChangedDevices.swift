internal import Synchronization

/// The devices that have sent something since the last `removeAll`, at most `limit` of them.
final class ChangedDevices: Sendable {
    private static let limit = 10_000
    private let devices = Mutex<Set<Int64>>([])

    init() {}

    func insert(_ changed: some Sequence<Int64>) {
        devices.withLock { devices in
            for device in changed where devices.count < ChangedDevices.limit { devices.insert(device) }
        }
    }

    func removeAll() -> Set<Int64> {
        devices.withLock { devices in
            defer { devices = [] }
            return devices
        }
    }
}

internal import Runtime
internal import Synchronization

/// The token that opens the cloud to this device, and the file it comes from.
final class DeviceToken: Sendable {
    private let path: String
    private let value: Mutex<String>

    init(_ token: String, path: String) {
        self.path = path
        value = Mutex(token)
    }

    var current: String { value.withLock { $0 } }

    /// On the disk first: from its first use on the cloud knows no other.
    func replace(with token: String) throws {
        try Files.replace(path, with: Array((token + "\n").utf8), mode: 0o600)
        value.withLock { $0 = token }
    }
}

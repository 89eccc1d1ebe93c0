internal import Runtime
internal import Synchronization

/// The token with which this device authenticates to the cloud, and the token's file.
final class DeviceToken: Sendable {
    private let path: String
    private let value: Mutex<String>

    init(_ token: String, path: String) {
        self.path = path
        value = Mutex(token)
    }

    var current: String { value.withLock { $0 } }

    /// Writes the disk first: once the new token is used, the cloud accepts no other token.
    func replace(with token: String) throws {
        try Files.replace(path, with: Array((token + "\n").utf8), mode: 0o600)
        value.withLock { $0 = token }
    }
}

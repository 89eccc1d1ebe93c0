internal import CLinux
internal import Glibc

/// Notifies systemd, or another service manager that set `NOTIFY_SOCKET`, that the program is ready, alive or stopping (the protocol of
/// sd_notify(3)). Does nothing without a service manager.
///
/// The watchdog message is sent only while `checkAlive` returns: systemd restarts a program that hangs.
package struct ServiceManager: Service {
    private let socket: String?
    private let watchdog: Duration?
    private let status: String
    private let checkAlive: @Sendable () async -> Void
    private let isReloading: @Sendable () -> Bool
    private let log: Log

    /// - Parameters:
    ///   - status: one line for `systemctl status`.
    ///   - checkAlive: returns if the essential parts of the program respond.
    ///   - isReloading: whether this service ends only to begin again: after `STOPPING=1` systemd would kill the program.
    package init(
        environment: [String: String], status: String, log: Log, isReloading: @escaping @Sendable () -> Bool = { false },
        checkAlive: @escaping @Sendable () async -> Void
    ) {
        self.isReloading = isReloading
        socket = environment["NOTIFY_SOCKET"].flatMap { $0.hasPrefix("/") || $0.hasPrefix("@") ? $0 : nil }
        let isMine = environment["WATCHDOG_PID"].map { Int32($0) == getpid() } ?? true
        watchdog = isMine ? environment["WATCHDOG_USEC"].flatMap { Int64($0) }.flatMap { $0 > 0 ? .microseconds($0) : nil } : nil
        self.status = status
        self.log = log
        self.checkAlive = checkAlive
    }

    package func run() async throws {
        notify("READY=1\nSTATUS=\(status)")
        defer { if !isReloading() { notify("STOPPING=1") } }
        guard socket != nil, let watchdog else { return try await ServiceClock.host.sleepForever() }
        while true {
            await checkAlive()
            notify("WATCHDOG=1")
            try await Task.sleep(for: watchdog / 3)
        }
    }

    private func notify(_ message: String) {
        guard let socket else { return }
        guard unsafe clinux_notify(socket, message, message.utf8.count) != 0 else { return }
        log(.warning, "service manager notification failed", ["message": message, "error": FileError.message(errno)])
    }
}

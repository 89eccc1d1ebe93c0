internal import Runtime

/// Reads the configuration, with these settings from the cloud instead of the stored ones; `nil`: with the stored ones.
package typealias SettingsReader = @Sendable (_ remote: [String: String]?) throws -> EdgeSettings

/// The daemon: runs until a stop signal. After SIGHUP, or when settings have come from the cloud, it reads its configuration again, and starts its services
/// with it.
package struct EdgeDaemon {
    private let settings: EdgeSettings
    private let read: SettingsReader
    private let log: Log

    package init(read: @escaping SettingsReader) throws {
        settings = try read(nil)
        self.read = read
        log = Log("vaho-edge", minimumLevel: settings.logLevel)
    }

    package func run() async throws {
        let lock = try StateFolder(settings: settings, log: log).lock()
        defer { withExtendedLifetime(lock) {} }
        try await Services.run([StopSignal(log: log), DaemonRuns(first: settings, read: read, reload: ReloadRequests(log: log), log: log)])
        log(.info, "stopped")
    }
}

package enum EdgeVersion {
    package static let text = "0.1.0"
}

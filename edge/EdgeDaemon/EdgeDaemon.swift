internal import Runtime

/// Reads the configuration. `remote`: settings from the cloud to use; `nil`: use those that are stored on this device.
package typealias SettingsReader = @Sendable (_ remote: [String: String]?) throws -> EdgeSettings

/// The daemon: runs until a stop signal. After SIGHUP, or when settings have come from the cloud, it reads its configuration again, and restarts its
/// services with the new configuration.
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
        try await Services.run([
            StopSignal(log: log), ReloadingServices(initialSettings: settings, readSettings: read, reload: ReloadRequests(log: log), log: log),
        ])
        log(.info, "stopped")
    }
}

package enum EdgeVersion {
    package static let text = "0.1.0"
}

package import Archive
internal import Measures
package import Runtime

/// Raises an alarm when a device falls silent, and ends the alarm when the device sends again. `DeviceAlarmDelivery` delivers the alarms.
package struct SilenceWatch: Service {
    private let archive: Archive
    private let limit: Duration
    private let clock: ServiceClock
    private let log: Log

    /// - Parameter limit: a device that sends nothing for longer is silent.
    package init(archive: Archive, limit: Duration, clock: ServiceClock = .host, log: Log) {
        self.archive = archive
        self.limit = limit
        self.clock = clock
        self.log = log
    }

    package func run() async throws {
        let serverStartedAt = clock.wallClock
        try await clock.repeating(
            every: min(.seconds(10), max(.seconds(1), limit / 10)), retry: RetryPause(first: .seconds(2), longest: .seconds(300)),
            failure: "silence alarms not updated, retrying", log: log
        ) { try await archive.updateSilenceAlarms(limit, serverStartedAt: serverStartedAt, now: clock.wallClock) }
    }
}

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
        let period = min(.seconds(10), max(.seconds(1), limit / 10))
        var pauses = RetryPause(first: .seconds(2), longest: .seconds(300))
        var pause: Duration = .seconds(1)
        while true {
            try await clock.sleep(for: pause)
            do {
                try await archive.updateSilenceAlarms(limit, serverStartedAt: serverStartedAt, now: clock.wallClock)
                pauses.reset()
                pause = period
            } catch is CancellationError { throw CancellationError() } catch {
                pause = pauses.next()
                log(.error, "silence alarms not updated, retrying", ["error": "\(error)", "after_s": pause.wholeSeconds])
            }
        }
    }
}

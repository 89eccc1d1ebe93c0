package import Archive
internal import Measures
package import Runtime

/// Computes the states of changed devices again, so that lists and counts show the current states. Runs in a separate loop, so that network requests
/// do not delay the states.
package struct DeviceStateUpdater: Service {
    private let archive: Archive
    private let clock: ServiceClock
    private let log: Log
    private static let period: Duration = .seconds(1)

    package init(archive: Archive, clock: ServiceClock = .host, log: Log) {
        self.archive = archive
        self.clock = clock
        self.log = log
    }

    package func run() async throws {
        var pauses = RetryPause(first: .seconds(2), longest: .seconds(60))
        var pause = DeviceStateUpdater.period
        while true {
            try await clock.sleep(for: pause)
            do {
                try await archive.updateDeviceStates(now: clock.wallClock)
                pauses.reset()
                pause = DeviceStateUpdater.period
            } catch is CancellationError { throw CancellationError() } catch {
                pause = pauses.next()
                log(.error, "device states not updated, retrying", ["error": "\(error)", "after_s": pause.wholeSeconds])
            }
        }
    }
}

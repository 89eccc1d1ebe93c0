package import Archive
internal import Measures
package import Runtime

/// Computes the states of changed devices again, so that lists and counts show the current states. Runs in a separate loop, so that network requests
/// do not delay the states.
package struct DeviceStateUpdater: Service {
    private let archive: Archive
    private let clock: ServiceClock
    private let log: Log

    package init(archive: Archive, clock: ServiceClock = .host, log: Log) {
        self.archive = archive
        self.clock = clock
        self.log = log
    }

    package func run() async throws {
        try await clock.repeating(
            every: .seconds(1), retry: RetryPause(first: .seconds(2), longest: .seconds(60)), failure: "device states not updated, retrying", log: log
        ) { try await archive.updateDeviceStates(now: clock.wallClock) }
    }
}

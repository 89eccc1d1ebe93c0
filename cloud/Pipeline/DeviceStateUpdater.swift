package import Archive
internal import Measures
package import Runtime

/// Computes the states of changed devices again, so that lists and counts show the current states. Runs in a separate loop, so that network requests
/// do not delay the states.
package struct DeviceStateUpdater: Service {
    private let archive: Archive
    private let log: Log
    private static let pause: Duration = .seconds(1)

    package init(archive: Archive, log: Log) {
        self.archive = archive
        self.log = log
    }

    package func run() async throws {
        var pause = DeviceStateUpdater.pause
        while true {
            try await Task.sleep(for: pause)
            do {
                try await archive.watchStates(now: ReadingClock.wallClock)
                pause = DeviceStateUpdater.pause
            } catch is CancellationError { throw CancellationError() } catch {
                pause = min(.seconds(60), pause * 2)
                log(.error, "device states not updated, retrying", ["error": "\(error)", "after_s": pause.wholeSeconds])
            }
        }
    }
}

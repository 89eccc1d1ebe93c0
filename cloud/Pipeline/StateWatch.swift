package import Archive
internal import Measures
package import Runtime

/// Judges devices again when something about them has changed, so that lists and counts show the present state. It has a loop of its own:
/// nothing that waits for a network holds it up.
package struct StateWatch: Service {
    private let archive: Archive
    private let log: Log
    private static let pause: Duration = .seconds(1)

    package init(archive: Archive, log: Log) {
        self.archive = archive
        self.log = log
    }

    package func run() async throws {
        var pause = StateWatch.pause
        while true {
            try await Task.sleep(for: pause)
            do {
                try await archive.watchStates(now: LabelClock.wallClock)
                pause = StateWatch.pause
            } catch is CancellationError { throw CancellationError() } catch {
                pause = min(.seconds(60), pause * 2)
                log(.error, "states of devices not judged, tried again", ["error": "\(error)", "after_s": pause.wholeSeconds])
            }
        }
    }
}

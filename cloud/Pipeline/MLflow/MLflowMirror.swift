package import Archive
package import HTTPClient
internal import Measures
package import Runtime
internal import Text
internal import Wire

/// Copies ended runs and releases to an MLflow server, so that people see them beside their other models. No other work depends on MLflow. If MLflow
/// cannot be reached, the copies are retried.
package struct MLflowMirror: Service {
    static let experiment = "vaho"
    static let model = "vaho"
    static let runTag = "vaho.run"
    static let counterTag = "vaho.counter"

    let archive: Archive
    let client: MLflowClient
    private let clock: ServiceClock
    private let log: Log

    /// - Parameter token: sent as a bearer token; `nil` for a server without a login.
    package init(archive: Archive, url: String, token: String?, settings: HTTPClient.Settings, clock: ServiceClock = .host, log: Log) {
        (self.archive, self.clock, self.log) = (archive, clock, log)
        client = MLflowClient(url: url, token: token, settings: settings)
    }

    package func run() async throws {
        try await clock.repeating(
            every: .seconds(2), retry: RetryPause(first: .seconds(5), longest: .seconds(600)),
            failure: "runs or releases not copied to MLflow, retrying", log: log
        ) { try await copyAll() }
    }

    /// Copies what MLflow does not have yet, oldest first.
    func copyAll() async throws {
        for run in try await archive.runsToMirror() {
            try await unlessRefused("run \(run.id)") { try await copy(run) }
            try await archive.markMirrored(run)
        }
        // Each release is read when its turn comes: its aliases may change while others are copied.
        var last: UInt64 = 0
        while let release = try await archive.releaseToMirror(after: last) {
            last = release.name.counter
            try await unlessRefused("release \(release.name.counter)") { try await copy(release) }
            try await archive.markMirrored(release)
        }
    }

    /// A copy that MLflow refuses is not sent again, because it would block all later copies.
    private func unlessRefused(_ what: String, _ copy: () async throws -> Void) async throws {
        do { try await copy() } catch let error as MLflowClient.Refused where error.isFinal {
            log(.error, "refused by MLflow, not copied", ["what": what, "error": "\(error)"])
        }
    }
}

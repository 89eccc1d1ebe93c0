package import Archive
package import HTTPClient
internal import Measures
package import Runtime
internal import Text
internal import Wire

/// Copies ended runs and releases to an MLflow server, so that people see them beside their other models. No other work depends on MLflow. If MLflow
/// cannot be reached, the copies are retried.
package struct MLflowMirror: Service {
    private static let experiment = "vaho"
    private static let model = "vaho"
    private static let runTag = "vaho.run"
    private static let counterTag = "vaho.counter"

    private let archive: Archive
    private let client: MLflowClient
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
            try await copy(run)
            try await archive.markMirrored(run)
        }
        // Each release is read when its turn comes: its aliases may change while others are copied.
        var last: UInt64 = 0
        while let release = try await archive.releaseToMirror(after: last) {
            last = release.name.counter
            try await copy(release)
            try await archive.markMirrored(release)
        }
    }

    // MARK: runs

    private struct Experiment: Decodable {
        struct Content: Decodable { let experiment_id: String }
        let experiment: Content
    }
    private struct Created: Decodable { let experiment_id: String }
    private struct MLflowRun: Decodable {
        struct Info: Decodable { let run_id: String }
        let info: Info
    }
    private struct CreatedRun: Decodable { let run: MLflowRun }
    private struct FoundRuns: Decodable { let runs: [MLflowRun]? }

    private func experimentID() async throws -> String {
        do {
            return try await client.post("experiments/create", as: Created.self) { $0.field("name", MLflowMirror.experiment) }.experiment_id
        } catch let error as MLflowClient.Refused where error.isExisting {
            return try await client.get("experiments/get-by-name?experiment_name=\(MLflowMirror.experiment)", as: Experiment.self).experiment
                .experiment_id
        }
    }

    /// The id of MLflow's run for a run of the archive; `nil` if MLflow does not have it.
    private func runID(of run: Int64, in experiment: String) async throws -> String? {
        try await client.post("runs/search", as: FoundRuns.self) { json in
            json.array("experiment_ids") { $0.string(experiment) }
            json.field("filter", "tags.`\(MLflowMirror.runTag)` = '\(run)'")
            json.field("max_results", 1)
        }.runs?.first?.info.run_id
    }

    /// If the run exists in MLflow (an interrupted copy, or a retried run), its tags, parameters and metrics are updated.
    private func copy(_ run: Archive.Run) async throws {
        let experiment = try await experimentID()
        let id: String
        if let known = try await runID(of: run.id, in: experiment) {
            id = known
        } else {
            id = try await client.post("runs/create", as: CreatedRun.self) { json in
                json.field("experiment_id", experiment)
                json.field("run_name", "run \(run.id)")
                json.field("start_time", run.createdAt.ms)
                json.array("tags") { MLflowMirror.pair(MLflowMirror.runTag, String(run.id), &$0) }
            }.run.info.run_id
        }
        let figures = try await archive.figures(of: run.id)
        let endedAt = run.endedAt ?? run.createdAt
        try await client.post("runs/log-batch") { json in
            json.field("run_id", id)
            json.array("metrics") { json in
                for figure in figures {
                    guard let value = MLflowMirror.metric(figure) else { continue }
                    json.object { json in
                        json.field("key", figure.name)
                        json.field("value", value, places: 6)
                        json.field("timestamp", endedAt.ms)
                        json.field("step", 0)
                    }
                }
            }
            json.array("tags") { json in
                let tags = [
                    ("vaho.cause", run.cause), ("vaho.author", run.author), ("vaho.outcome", run.outcome), ("vaho.snapshot", run.snapshot),
                    ("mlflow.note.content", run.detail),
                ]
                for (key, value) in tags where !value.isEmpty { MLflowMirror.pair(key, value, &json) }
            }
            json.array("params") { json in
                for figure in figures where MLflowMirror.metric(figure) == nil && !figure.value.isEmpty {
                    MLflowMirror.pair(figure.name, String(figure.value.prefix(500)), &json)
                }
            }
        }
        let isFailed = run.outcome == RunOutcome.failed.rawValue
        try await client.post("runs/update") { json in
            json.field("run_id", id)
            json.field("status", isFailed ? "FAILED" : run.outcome == RunOutcome.cancelled.rawValue ? "KILLED" : "FINISHED")
            json.field("end_time", endedAt.ms)
        }
    }

    /// The value of a figure that is a measurement; `nil` for a parameter.
    private static func metric(_ figure: (name: String, value: String)) -> Double? {
        guard figure.name.hasPrefix("error.") || figure.name == "train.loss" else { return nil }
        return NumberText.decimal(figure.value)
    }

    private static func pair(_ key: String, _ value: String, _ json: inout JSONWriter) {
        json.object { json in
            json.field("key", key)
            json.field("value", value)
        }
    }

    // MARK: releases

    private struct Versions: Decodable {
        struct Version: Decodable {
            let version: String
            let tags: [Tag]?
        }
        struct Tag: Decodable { let key, value: String }
        let model_versions: [Version]?
    }
    private struct CreatedVersion: Decodable { let model_version: Versions.Version }

    private func copy(_ release: Archive.StoredRelease) async throws {
        do { try await client.post("registered-models/create") { $0.field("name", MLflowMirror.model) } } catch let error as MLflowClient.Refused
            where error.isExisting
        {}
        let counter = String(release.name.counter)
        let known = try await client.get(
            "model-versions/search?max_results=1&filter=name%3D%27\(MLflowMirror.model)%27%20and%20tags.%60\(MLflowMirror.counterTag)%60%20%3D%20%27\(counter)%27",
            as: Versions.self
        ).model_versions?.first?.version
        let version: String
        if let known {
            version = known
        } else {
            var run: String?
            if let own = release.run { run = try await runID(of: own, in: experimentID()) }
            version = try await client.post("model-versions/create", as: CreatedVersion.self) { json in
                json.field("name", MLflowMirror.model)
                json.field("source", "vaho:/releases/\(counter)")
                json.field("run_id", run)
                json.field("description", release.backtest)
                json.array("tags") { json in
                    MLflowMirror.pair(MLflowMirror.counterTag, counter, &json)
                    MLflowMirror.pair("vaho.sha256", Hexadecimal.text(release.name.sha256), &json)
                    MLflowMirror.pair("vaho.snapshot", release.snapshot, &json)
                }
            }.model_version.version
        }
        guard release.aliases.contains(ReleaseAlias.champion.name) else { return }
        try await client.post("registered-models/alias") { json in
            json.field("name", MLflowMirror.model)
            json.field("alias", ReleaseAlias.champion.name)
            json.field("version", version)
        }
    }
}

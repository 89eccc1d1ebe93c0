internal import Archive
internal import Measures
internal import Text

/// Runs of the archive as runs of an experiment.
extension MLflowMirror {
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

    func experimentID() async throws -> String {
        do {
            return try await client.post("experiments/create", as: Created.self) { $0.field("name", MLflowMirror.experiment) }.experiment_id
        } catch let error as MLflowClient.Refused where error.isExisting {
            return try await client.get("experiments/get-by-name?experiment_name=\(MLflowMirror.experiment)", as: Experiment.self).experiment
                .experiment_id
        }
    }

    /// The id of MLflow's run for a run of the archive; `nil` if MLflow does not have it.
    func runID(of run: Int64, in experiment: String) async throws -> String? {
        try await client.post("runs/search", as: FoundRuns.self) { json in
            json.array("experiment_ids") { $0.string(experiment) }
            json.field("filter", "tags.`\(MLflowMirror.runTag)` = '\(run)'")
            json.field("max_results", 1)
        }.runs?.first?.info.run_id
    }

    /// If the run exists in MLflow (an interrupted copy, or a retried run), its tags and metrics are updated.
    func copy(_ run: Archive.Run) async throws {
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
                // Parameters of MLflow cannot change; what a continued run may compute again is a tag.
                let results = figures.filter { !$0.name.hasPrefix("train.") && MLflowMirror.metric($0) == nil }.map { ("vaho." + $0.name, $0.value) }
                for (key, value) in tags + results where !value.isEmpty { MLflowMirror.pair(key, String(value.prefix(4_000)), &json) }
            }
            json.array("params") { json in
                for figure in figures where figure.name.hasPrefix("train.") && MLflowMirror.metric(figure) == nil && !figure.value.isEmpty {
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

    static func pair(_ key: String, _ value: String, _ json: inout JSONWriter) {
        json.object { json in
            json.field("key", key)
            json.field("value", value)
        }
    }
}

import ArchiveExamples
import Foundation
import HTTPClient
import Measures
import Runtime
import Testing
import Text
import Wire

@testable import Archive
@testable import Pipeline

/// The address of a real MLflow server, which Tests/mlflow.sh runs.
private let server = ProcessInfo.processInfo.environment["VAHO_TEST_MLFLOW"]

@Suite(.serialized, .timeLimit(.minutes(2))) struct MLflowTests {
    private let place = TemporaryArchive()
    private let now = Instant(ms: 1_795_000_000_000)
    private let settings = HTTPClient.Settings(userAgent: "test")

    private struct Runs: Decodable {
        struct Run: Decodable {
            struct Info: Decodable { let run_name, status: String }
            struct Content: Decodable {
                struct Pair: Decodable { let key, value: String }
                struct Metric: Decodable {
                    let key: String
                    let value: Double
                }
                let metrics: [Metric]?
                let params, tags: [Pair]?
            }
            let info: Info
            let data: Content
        }
        let runs: [Run]?
    }
    private struct Experiment: Decodable {
        struct Content: Decodable { let experiment_id: String }
        let experiment: Content
    }
    private struct Alias: Decodable {
        struct Version: Decodable { let version, source: String }
        let model_version: Version
    }
    private struct Versions: Decodable {
        struct Version: Decodable { let version: String }
        let model_versions: [Version]?
    }

    @Test(.enabled(if: server != nil)) func `a run and its release are copied once, also if the copy was interrupted`() async throws {
        let archive = try await place.open()
        // The number of the run is new to the server, which other tests may have used.
        try await archive.addEndedRun(id: .random(in: 1_000...1_000_000_000), now: now)
        let run = try #require(try await archive.runs(limit: 1).first)
        let mirror = MLflowMirror(
            archive: archive, url: server ?? "", token: nil, settings: settings, log: Log("test", minimumLevel: .error))
        try await mirror.copyAll()
        #expect(try await archive.runsToMirror().isEmpty)
        #expect(try await archive.releaseToMirror(after: 0) == nil)
        try await archive.mirrorAgain()
        try await mirror.copyAll()

        let client = MLflowClient(url: server ?? "", token: nil, settings: settings)
        let experiment = try await client.get("experiments/get-by-name?experiment_name=vaho", as: Experiment.self).experiment.experiment_id
        let found =
            try await client.post("runs/search", as: Runs.self) { json in
                json.array("experiment_ids") { $0.string(experiment) }
                json.field("filter", "tags.`vaho.run` = '\(run.id)'")
            }.runs ?? []
        #expect(found.count == 1)
        let copied = try #require(found.first)
        #expect(copied.info.run_name == "run \(run.id)" && copied.info.status == "FINISHED")
        #expect(copied.data.metrics?.map { "\($0.key) \($0.value)" }.sorted() == ["error.candidate.1h 0.2254", "train.loss 0.5"])
        #expect(copied.data.params?.map { "\($0.key) \($0.value)" } == ["train.seed 1"])
        #expect(copied.data.tags?.contains { $0.key == "vaho.outcome" && $0.value == "promoted" } == true)
        let champion = try await client.get("registered-models/alias?name=vaho&alias=champion", as: Alias.self).model_version
        #expect(champion.source == "vaho:/releases/\(run.id)")
        let versions = try await client.get(
            "model-versions/search?filter=name%3D%27vaho%27%20and%20tags.%60vaho.counter%60%20%3D%20%27\(run.id)%27", as: Versions.self)
        #expect(versions.model_versions?.count == 1)
    }

    @Test func `without a server, runs and releases stay queued in the archive`() async throws {
        let archive = try await place.open()
        try await archive.addEndedRun(id: 7, now: now)
        let mirror = MLflowMirror(
            archive: archive, url: "http://127.0.0.1:1", token: nil, settings: settings, log: Log("test", minimumLevel: .error))
        await #expect(throws: (any Error).self) { try await mirror.copyAll() }
        #expect(try await archive.runsToMirror().map(\.id) == [7])
        #expect(try await archive.releaseToMirror(after: 0)?.name.counter == 7)
    }
}

extension Archive {
    /// A promoted run with a release that has the same number.
    fileprivate func addEndedRun(id: Int64, now: Instant) throws {
        try database.run(
            "INSERT INTO run (id, kind, cause, author, created_at_ms) VALUES (?, 'training', 'manual', 'nina', ?)", id, now.ms)
        guard let run = try run(id) else { return }
        try beginStep("validate", inputs: "", of: run, now: now)
        try setFigures([("train.seed", "1"), ("train.loss", "0.5"), ("error.candidate.1h", "0.2254")], of: id)
        try database.run(
            """
            INSERT INTO release (counter, sha256, model_id, created_at_ms, snapshot, parent, backtest, body, run, mirror)
            VALUES (?1, ?2, 'm', 1, 's', '', 'good', ?3, ?1, 1)
            """, id, "\(id)", [1] as [UInt8])
        try setAlias(.champion, to: UInt64(id), by: Attribution(author: "nina", reason: "test"), now: now)
        try end(run, outcome: "promoted", detail: "better", stepState: "done", now: now)
    }

    fileprivate func mirrorAgain() throws {
        try database.run("UPDATE run SET mirror = 1")
        try database.run("UPDATE release SET mirror = 1")
    }
}

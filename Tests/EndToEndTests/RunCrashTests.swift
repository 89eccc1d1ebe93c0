import Foundation
import SQLite
import Testing

/// A training run whose server is killed at the beginning and at the end of each step.
@Suite(.serialized) struct RunCrashTests {
    static let steps = ["validate", "snapshot", "train", "backtest", "verdict", "register", "sign", "roll out"]
    static let settings = [
        "VAHO_PRETRAINED_FILE": "none", "VAHO_TRAIN_CHECK_SECONDS": "86400", "VAHO_TRAIN_AFTER_DEVICE_DAYS": "1000000",
    ]

    private enum Point: CaseIterable {
        case beginning, end

        /// When the program hangs in its transaction: at the beginning of a step before anything is stored, at the end when all results
        /// are written and only the commit is missing.
        func trigger(step: Int) -> String {
            switch self {
            case .beginning: "BEFORE INSERT ON run_step WHEN NEW.step = \(step)"
            case .end where step == RunCrashTests.steps.count - 1: "AFTER UPDATE OF ended_at_ms ON run WHEN NEW.ended_at_ms IS NOT NULL"
            case .end: "AFTER UPDATE OF step ON run WHEN OLD.step = \(step)"
            }
        }
    }

    @Test(.timeLimit(.minutes(6)))
    func `a server killed at the beginning or the end of any step leaves no partial result, and the run makes one release`() async throws {
        let cloud = Cloud()
        try await cloud.start(Self.settings)
        try await cloud.sendRecordings()
        #expect(try cloud.run("runs", "start").code == 0)
        let database = "\(cloud.folder)/cloud/archive.sqlite"
        // The run may already be at work: the first kill comes before the first trigger.
        _ = try await cloud.stop(SIGKILL)
        #expect(try Connection(path: database).integer("SELECT COUNT(*) FROM run") == 1)
        try Connection(path: database).execute("UPDATE run SET step = 0; DELETE FROM run_log; DELETE FROM run_figure; DELETE FROM run_step")

        var points: [String] = []
        for (step, name) in Self.steps.enumerated() {
            for point in Point.allCases {
                try HangingDatabase.addTrigger(point.trigger(step: step), to: database)
                try await cloud.start(Self.settings)
                _ = try await seen("a server that hangs at the \(point) of \(name)", within: 60) {
                    try HangingDatabase.isLocked(database) ? true : nil
                }
                #expect(try releases(database) == (step == 7 ? 1 : 0), "\(name)")
                _ = try await cloud.stop(SIGKILL)
                let connection = try Connection(path: database)
                #expect(try connection.integer("SELECT step FROM run") == Int64(step), "killed at the \(point) of \(name)")
                #expect(try connection.integer("SELECT COUNT(*) FROM run_step WHERE state = 'done'") == Int64(step))
                #expect(try connection.integer("SELECT COUNT(*) FROM alias WHERE name = 'champion'") == 0)
                try HangingDatabase.removeTrigger(from: database)
                points.append("\(point) of \(name)")
            }
        }
        #expect(points.count == 16)

        try await cloud.start(Self.settings)
        _ = try await seen("the end of the run") { try await firstRun(cloud)["ended_at"] as? String }
        let run = try await firstRun(cloud)
        #expect(run["outcome"] as? String == "promoted", "\(run["detail"] ?? "")")
        let steps = try #require(run["steps"] as? [[String: Any]])
        #expect(steps.map { $0["name"] as? String } == Self.steps && steps.allSatisfy { $0["state"] as? String == "done" })
        #expect((run["evidence"] as? [Any])?.count == 20 && (run["log"] as? [Any])?.count == 8)
        #expect(try releases(database) == 1)
        let history = try #require(try await cloud.json("/v1/models/history?alias=champion")["changes"] as? [[String: Any]])
        #expect(history.count == 1 && history.first?["release"] as? Int == run["release"] as? Int)
        let reproduced = try cloud.run("models", "reproduce")
        #expect(reproduced.code == 0, "a release from a run with kills has the bytes of one without: \(reproduced.errors)")
        #expect(try await cloud.stop() == 0)
    }

    private func firstRun(_ cloud: Cloud) async throws -> [String: Any] { try await cloud.json("/v1/runs/1") }

    private func releases(_ path: String) throws -> Int64? { try Connection(path: path).integer("SELECT COUNT(*) FROM release") }
}

import Foundation
import HTTPClient
import Measures
import SQLite
import Testing
import Wire

/// A rollout whose server is killed while it stores any of the rollout's changes.
@Suite(.serialized) struct RolloutCrashTests {
    private static let settings = ["VAHO_PRETRAINED_FILE": "none", "VAHO_TRAIN_CHECK_SECONDS": "86400", "VAHO_TRAIN_AFTER_DEVICE_DAYS": "1000000"]

    /// A device that takes the releases that it is offered and reports them, and the errors of a day with each report.
    private final class Device {
        let name: String
        let token: String
        private(set) var release: ReleaseReference?
        var rival: UInt64 = 0  // the release in the shadow
        private var day: Int64 = 19_000
        private let client: HTTPClient

        init(_ name: String, token: String) {
            (self.name, self.token) = (name, token)
            var settings = HTTPClient.Settings(userAgent: "device")
            settings.stallSeconds = 2  // a server that hangs is not waited for
            client = HTTPClient(settings: settings)
        }

        /// - Parameter error: the mean error of the release in use, relative to the last good one.
        func report(to cloud: Cloud, error: Double) async throws {
            let air = try #require(SensorName("air"))
            let score = DailyScore(
                sensor: air, day: day, releaseCounter: release?.counter ?? 0, leadTimeSeconds: 3_600, count: 144,
                absoluteErrorMpct: Int64(error * 144_000), persistenceErrorMpct: 200_000, climatologyErrorMpct: 300_000, pinballMpct: 70_000,
                covered: 115,
                comparison: DailyScore.Comparison(rivalCounter: rival, count: 144, errorMpct: Int64(error * 144_000), rivalErrorMpct: 144_000))
            let report = DeviceReport(
                release: release, backlog: 0, evicted: 0, refused: 0, clock: .synchronised, scores: [], dailyScores: [score])
            let rows = [Batch.Row.reading(sensor: 0, Reading(takenAt: Instant(ms: 1_700_000_000_000), humidityMpct: 50_000))]
            let batch = Batch(epoch: Epoch(bits: 9), first: 1, sensors: [air], rows: rows, report: report)
            let response = try await client.send(
                HTTPClient.Request(
                    method: "POST", url: "http://127.0.0.1:\(cloud.port)/v1/devices/\(name)/batches",
                    headers: [
                        ("Authorization", "Bearer \(token)"), ("Content-Type", BatchFormat.mediaType), ("Accept", BatchAcknowledgement.mediaType),
                    ], body: batch.binary()))
            let offered = try BatchAcknowledgement(binary: response.body).release
            if let offered, offered.counter > release?.counter ?? 0 { release = offered }
            // At most 100 days without a difference: 300 would complete the rollout.
            if error > 1 || day < 19_100 { day += 1 }
        }
    }

    private struct Point {
        let name: String
        let trigger: String  // the moment in which the server hangs
        let error: Double  // of the release from here on
    }

    /// Each change of a rollout, at its first and at its last write.
    private static let points = [
        Point(name: "first step, first write", trigger: "AFTER UPDATE ON rollout WHEN NEW.through >= 0 AND OLD.through < 0", error: 1),
        Point(name: "first step, last write", trigger: "AFTER INSERT ON rollout_event WHEN NEW.event = 'reached 50 %'", error: 1),
        Point(name: "second step, first write", trigger: "AFTER UPDATE ON rollout WHEN NEW.step = 1 AND OLD.step = 0", error: 1),
        Point(name: "second step, last write", trigger: "AFTER INSERT ON rollout_event WHEN NEW.event = 'reached 100 %'", error: 1),
        Point(name: "rollback, first write", trigger: "AFTER UPDATE ON rollout WHEN NEW.state = 'rolling_back' AND OLD.state = 'running'", error: 2),
        Point(name: "rollback, the block", trigger: "AFTER INSERT ON release_block", error: 2),
        Point(name: "rollback, the new release", trigger: "AFTER INSERT ON release", error: 2),
        Point(name: "rollback, last write", trigger: "AFTER INSERT ON alias_history WHEN NEW.name = 'champion'", error: 2),
        Point(name: "end, first write", trigger: "AFTER UPDATE ON rollout WHEN NEW.state = 'rolled_back'", error: 1),
        Point(name: "end, last write", trigger: "AFTER INSERT ON rollout_event WHEN NEW.event = 'ended'", error: 1),
    ]

    @Test(.timeLimit(.minutes(6))) func `a server killed while it stores any change of a rollout leaves no half-done change and no second release`()
        async throws
    {
        let cloud = Cloud()
        try await cloud.start(Self.settings)
        try await cloud.sendRecordings()
        #expect(try cloud.run("train").code == 0)
        _ = try await seen("a champion") { try await cloud.json("/v1/models")["models"] as? [Any] }
        let database = "\(cloud.folder)/cloud/archive.sqlite"
        let champion = try #require(try Connection(path: database).integer("SELECT counter FROM alias WHERE name = 'champion'"))
        // The devices report the champion before the rollout starts: a rollout without devices is complete at once.
        let devices = try (0..<2).map { Device("d\($0)", token: try cloud.add("d\($0)")) }
        for device in devices { for _ in 0..<2 { try await device.report(to: cloud, error: 1) } }
        #expect(devices.allSatisfy { $0.release?.counter == UInt64(champion) })
        // The server does not run here: no step is made before the first trigger exists. The second release has the network of the first one.
        #expect(try await cloud.stop() == 0)
        let started = try cloud.run("rollout", "start", String(champion), "--steps", "50:0,100:300")
        #expect(started.code == 0, "\(started.output) \(started.errors)")
        let release = try #require(try Connection(path: database).integer("SELECT release FROM rollout WHERE ended_at_ms IS NULL"))
        let releases = try Connection(path: database).integer("SELECT COUNT(*) FROM release")
        for device in devices {
            device.rival = UInt64(try Connection(path: database).integer("SELECT control FROM rollout WHERE ended_at_ms IS NULL") ?? 0)
        }

        var hit: [String] = []
        for point in Self.points {
            _ = try await cloud.stop(SIGKILL)
            let before = try state(database)
            try HangingDatabase.addTrigger(point.trigger, to: database)
            try await cloud.start(Self.settings)
            _ = try await seen("a server that hangs at \(point.name)", within: 60) {
                if try HangingDatabase.isLocked(database) { return true }
                for device in devices { try? await device.report(to: cloud, error: point.error) }
                return nil
            }
            _ = try await cloud.stop(SIGKILL)
            #expect(try state(database) == before, "killed at: \(point.name)")
            try HangingDatabase.removeTrigger(from: database)
            hit.append(point.name)
            // Without the trigger the server makes the change.
            guard point.name.contains("last write") else { continue }
            try await cloud.start(Self.settings)
            _ = try await seen("the change after \(point.name)", within: 60) {
                for device in devices { try await device.report(to: cloud, error: point.error) }
                return try state(database) == before ? nil : true
            }
        }
        #expect(hit.count == Self.points.count)
        let end = try state(database)
        #expect(end.contains("rolled_back"), "\(end)")
        #expect(try Connection(path: database).integer("SELECT COUNT(*) FROM release") == (releases ?? 0) + 1, "one release takes the bad one back")
        #expect(try Connection(path: database).integer("SELECT COUNT(*) FROM release_block WHERE counter = \(release)") == 1)
        let now = try #require(try Connection(path: database).integer("SELECT counter FROM alias WHERE name = 'champion'"))
        #expect(now > release && devices.allSatisfy { $0.release?.counter == UInt64(now) }, "both devices run the previous release")
        #expect(try await cloud.stop() == 0)
    }

    /// All that a rollout changes, as one text.
    private func state(_ path: String) throws -> String {
        let connection = try Connection(path: path, busyTimeoutMs: 20_000)
        var select = try connection.prepare(
            """
            SELECT (SELECT GROUP_CONCAT(id || ' ' || state || ' ' || step || ' ' || through) FROM rollout) || '; ' ||
                (SELECT GROUP_CONCAT(event) FROM rollout_event) || '; ' || (SELECT GROUP_CONCAT(name || ' ' || counter) FROM alias) || '; ' ||
                (SELECT COUNT(*) FROM alias_history) || ' ' || (SELECT COUNT(*) FROM release) || ' ' || (SELECT COUNT(*) FROM release_block)
            """)
        return try select.step() ? select.text(0) : ""
    }
}

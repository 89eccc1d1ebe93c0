import Foundation
import HTTPClient
import HTTPServer
import Measures
import SQLite
import Synchronization
import Testing
import Wire

/// The guarantees between a device and its cloud, tested with both programs as processes.
@Suite(.serialized) struct DeliveryTests {
    private static let recordings = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/../../deploy/demo"

    private func edge(_ cloud: Cloud, _ environment: [String: String], speed: Int = 1_000_000) throws -> RunningProgram {
        try RunningProgram("vaho-edge", ["run", "--speed", String(speed)], environment: environment, folder: cloud.folder)
    }

    @Test(.timeLimit(.minutes(3)))
    func `a device enrols with a code, takes a new token without loss, and keeps sampling after it is revoked`() async throws {
        let cloud = Cloud()
        try await cloud.start()
        let code = try #require(try cloud.run("device", "code", "attic").output.split(separator: "\n").first.map(String.init))
        let state = ["VAHO_STATE_DIR": "\(cloud.folder)/attic"]
        let url = "http://127.0.0.1:\(cloud.port)"
        let wrong = try RunningProgram.run("vaho-edge", ["enrol", url, "AAAAA-AAAAA"], environment: state)
        #expect(wrong.code == 1 && wrong.errors.contains("vaho-cloud device code"))
        let enrolled = try RunningProgram.run("vaho-edge", ["enrol", url, code], environment: state)
        #expect(enrolled.code == 0, "\(enrolled.errors)")
        let token = try String(contentsOfFile: "\(cloud.folder)/attic/token", encoding: .utf8)

        let environment = state.merging([
            "VAHO_LISTEN": "127.0.0.1:0", "VAHO_SENSOR_AIR": "simulated", "VAHO_SAMPLE_PERIOD_SECONDS": "1", "VAHO_COMMIT_PERIOD_SECONDS": "0",
            "VAHO_SYNC_PERIOD_SECONDS": "1", "VAHO_BACKOFF_SECONDS": "1",
        ]) { $1 }
        let edge = try RunningProgram("vaho-edge", ["run"], environment: environment, folder: cloud.folder)
        let port = try await edge.port()
        _ = try await seen("readings in the cloud") { try await cloud.metric("vaho_readings_total") >= 2 ? true : nil }
        #expect(try RunningProgram.run("vaho-edge", ["enrol", url, code], environment: state).code == 1)  // the code is used up

        #expect(try cloud.run("device", "rotate", "attic").code == 0)
        let fresh = try await seen("a new token") { () -> String? in
            let now = try String(contentsOfFile: "\(cloud.folder)/attic/token", encoding: .utf8)
            return now != token ? now : nil
        }
        let before = try await cloud.metric("vaho_readings_total")
        _ = try await seen("readings with the new token") { try await cloud.metric("vaho_readings_total") > before + 1 ? true : nil }
        func status(_ token: String) async throws -> Int {
            let bearer = "Bearer \(token.trimmingCharacters(in: .whitespacesAndNewlines))"
            return try await cloud.request("GET", "/v1/devices/attic/release", headers: [("Authorization", bearer)]).status
        }
        #expect(try await status(fresh) == 404)  // accepted, but there is no release yet
        _ = try await seen("a 401 for the old token") { try await status(token) == 401 ? true : nil }

        #expect(try cloud.run("device", "revoke", "attic").code == 0)
        _ = try await seen("the revocation in the device's log") { edge.log.contains("has been revoked") ? true : nil }
        func taken() async throws -> Int {
            let response = try await cloud.client.send(HTTPClient.Request(method: "GET", url: "http://127.0.0.1:\(port)/v1/status"))
            let json = try JSONSerialization.jsonObject(with: Data(response.body)) as? [String: Any]
            return (json?["store"] as? [String: Any])?["readings"] as? Int ?? 0
        }
        let sampled = try await taken()
        _ = try await seen("new readings after the revocation") { try await taken() > sampled + 1 ? true : nil }
        let told = try RunningProgram.run("vaho-edge", ["status"], environment: environment)
        #expect(told.output.contains("revoked"))
        #expect(told.output.contains(": the store was made"))
        edge.signal(SIGTERM)
        #expect(try await edge.exitCode() == 0)
    }

    @Test(.timeLimit(.minutes(3)))
    func `a cloud restored from a backup receives the later rows again, once`() async throws {
        let cloud = Cloud()
        try await cloud.start()
        _ = try cloud.add("airport")
        var environment = cloud.edgeEnvironment("airport")
        // The backup is made when a third of the recording has arrived and the device is stopped.
        let whole = try String(contentsOfFile: "\(Self.recordings)/airport.csv", encoding: .utf8)
        let recording = "\(cloud.folder)/airport.csv"
        try whole.split(separator: "\n").prefix(501).joined(separator: "\n").write(toFile: recording, atomically: true, encoding: .utf8)
        environment["VAHO_SENSOR_AIR"] = "replay:\(recording)"
        // At this speed the recording's clock passes 90 days within seconds of its end, and delivered rows would be deleted by age.
        environment["VAHO_RETENTION_DAYS"] = "3650"
        environment["VAHO_BACKOFF_SECONDS"] = "1"
        let first = try edge(cloud, environment, speed: 600_000)
        _ = try await seen("the first readings") { try await cloud.metric("vaho_readings_total") == 500 ? true : nil }
        first.signal(SIGTERM)
        #expect(try await first.exitCode() == 0)
        let backup = try cloud.run("backup", "\(cloud.folder)/backup")
        #expect(backup.code == 0, "\(backup.errors)")

        try whole.write(toFile: recording, atomically: true, encoding: .utf8)
        let edge = try edge(cloud, environment, speed: 600_000)
        _ = try await seen("all readings") { try await cloud.metric("vaho_readings_total") == 1_680 ? true : nil }
        #expect(try await cloud.stop() == 0)

        try FileManager.default.removeItem(atPath: "\(cloud.folder)/cloud")
        let restored = try cloud.run("restore", "\(cloud.folder)/backup")
        #expect(restored.code == 0 && restored.output.contains("1 devices and 500 readings"), "\(restored)")
        let again = try cloud.run("restore", "\(cloud.folder)/backup")
        #expect(again.code == 1 && again.errors.contains("exists and is not overwritten"), "\(again)")
        try await cloud.start()
        _ = try await seen("all readings again") { try await cloud.metric("vaho_readings_total") == 1_680 ? true : nil }
        #expect(edge.log.contains("cloud has lost acknowledged rows"))
        edge.signal(SIGTERM)
        #expect(try await edge.exitCode() == 0)

        // Deriving again gives the same observations.
        let archive = try Connection(path: "\(cloud.folder)/cloud/archive.sqlite", access: .readOnly)
        func bins() throws -> Int64? { try archive.integer("SELECT SUM(valid_at_ms % 1000003 * humidity_sum_mpct % 1000003) FROM observation_bin") }
        _ = try await seen("all observations") { try archive.integer("SELECT COUNT(*) FROM observation_bin") == 1_680 ? true : nil }
        let before = try bins()
        let rebuilt = try cloud.run("rebuild")
        #expect(rebuilt.output == "1680 observations of 1 sensors\n", "\(rebuilt.errors)")
        #expect(try bins() == before)
    }

    @Test(.timeLimit(.minutes(1)))
    func `a microcontroller posts plain JSON, and a repeat changes nothing`() async throws {
        let cloud = Cloud()
        try await cloud.start()
        let token = try cloud.add("greenhouse")
        func post(_ json: String) async throws -> (status: Int, body: String) {
            let response = try await cloud.request(
                "POST", "/v1/devices/greenhouse/readings", headers: [("Authorization", "Bearer \(token)"), ("Content-Type", "application/json")],
                body: Array(json.utf8))
            return (response.status, String(decoding: response.body, as: UTF8.self))
        }
        let one = #"{"sensor":"bench","taken_at":"2026-11-20T08:00:00Z","humidity_pct":61.25,"temperature_c":11.9}"#
        #expect(try await post(one) == (200, #"{"stored":1,"duplicates":0,"refused":[]}"#))
        #expect(try await post(one) == (200, #"{"stored":0,"duplicates":1,"refused":[]}"#))
        let two = try await post(
            #"{"readings":[{"sensor":"bench","humidity_pct":62},{"sensor":"bench","taken_at":"2099-01-01T00:00:00Z","humidity_pct":1},{"sensor":"No Name","humidity_pct":1}]}"#
        )
        #expect(two.status == 200 && two.body.hasPrefix(#"{"stored":1,"duplicates":0,"refused":[{"index":1,"reason":"future""#))
        for (json, words) in [("{", "JSON"), ("{}", "readings"), (#"{"readings":[]}"#, "1 to 1000"), (#"{"sensor":5}"#, "/sensor")] {
            let refused = try await post(json)
            #expect(refused.status == 400 && refused.body.contains(words), "\(json): \(refused.body)")
        }
        _ = try await seen("the observation") { () -> Bool? in
            let sensors = try await cloud.device("greenhouse")["sensors"] as? [[String: Any]] ?? []
            return sensors.first?["name"] as? String == "bench" ? true : nil
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func `a silent device raises an alarm by webhook, and the cloud retries until the webhook accepts it`() async throws {
        let alarms = Mutex<[String]>([])
        let hook = try HTTPServer(
            address: "127.0.0.1", port: 0, limits: HTTPLimits(bodyBytes: 10_000), makeRefusal: { status, _ in HTTPResponse(status: status) }
        ) { request in
            let count = alarms.withLock { alarms in
                alarms.append(String(decoding: (try? request.body()) ?? [], as: UTF8.self))
                return alarms.count
            }
            return HTTPResponse(status: count == 1 ? 500 : 204)
        }
        let cloud = Cloud()
        try await cloud.start(["VAHO_SILENT_AFTER_SECONDS": "5", "VAHO_WEBHOOK_URL": "http://127.0.0.1:\(hook.port)/"])
        _ = try cloud.add("church")
        var environment = cloud.edgeEnvironment("church")
        environment["VAHO_SENSOR_AIR"] = "simulated"
        var edge = try RunningProgram("vaho-edge", ["run"], environment: environment, folder: cloud.folder)
        _ = try await seen("a report of the device") { try await cloud.device("church")["last_seen_at"] as? String }
        edge.signal(SIGKILL)
        _ = try await edge.exitCode()
        _ = try await seen("two deliveries of the alarm") { alarms.withLock { $0.filter { $0.contains("device_silent") }.count == 2 ? true : nil } }
        #expect(try await cloud.metric("vaho_devices_silent") == 1)
        let shown = try cloud.run("device", "show", "church", "--format", "csv")
        #expect(shown.code == 0 && shown.output.contains("silent,,"))
        #expect(try cloud.run("device", "show", "nobody").code == 2)
        edge = try RunningProgram("vaho-edge", ["run"], environment: environment, folder: cloud.folder)
        _ = try await seen("the end of the alarm after the restart") {
            alarms.withLock { $0.last?.contains("device_heard_again") == true ? true : nil }
        }
        edge.signal(SIGTERM)
        #expect(try await edge.exitCode() == 0)
        #expect(try await cloud.stop() == 0)
        await hook.stop()
    }

    @Test(.timeLimit(.minutes(2)))
    func `the daemon samples and delivers with a store that is not a database or cannot be written`() async throws {
        let cloud = Cloud()
        try await cloud.start()
        _ = try cloud.add("vault")
        var environment = cloud.edgeEnvironment("vault")
        environment.merge(["VAHO_SENSOR_AIR": "simulated", "VAHO_SAMPLE_PERIOD_SECONDS": "1", "VAHO_COMMIT_PERIOD_SECONDS": "0"]) { $1 }
        let state = "\(cloud.folder)/vault/state"
        try FileManager.default.createDirectory(atPath: state, withIntermediateDirectories: true)
        try Data(repeating: 0x5A, count: 40_000).write(to: URL(fileURLWithPath: "\(state)/readings.sqlite"))
        let first = try RunningProgram("vaho-edge", ["run"], environment: environment, folder: cloud.folder)
        _ = try await seen("readings from a new store") { try await cloud.metric("vaho_readings_total") >= 2 ? true : nil }
        first.signal(SIGTERM)
        #expect(try await first.exitCode() == 0)
        #expect(try FileManager.default.contentsOfDirectory(atPath: state).contains { $0.hasPrefix("readings.damaged-") })

        try FileManager.default.moveItem(atPath: "\(state)/readings.sqlite", toPath: "\(state)/away")
        try FileManager.default.createDirectory(atPath: "\(state)/readings.sqlite", withIntermediateDirectories: true)
        let before = try await cloud.metric("vaho_readings_total")
        let second = try RunningProgram("vaho-edge", ["run"], environment: environment, folder: cloud.folder)
        _ = try await seen("readings from memory") { try await cloud.metric("vaho_readings_total") >= before + 3 ? true : nil }
        try FileManager.default.removeItem(atPath: "\(state)/readings.sqlite")
        try FileManager.default.moveItem(atPath: "\(state)/away", toPath: "\(state)/readings.sqlite")
        _ = try await seen("the recovery of the store in the log") { second.log.contains("store writes to the disk again") ? true : nil }
        second.signal(SIGTERM)
        #expect(try await second.exitCode() == 0)
        let store = try Connection(path: "\(state)/readings.sqlite", access: .readOnly)
        #expect(try store.integer("SELECT COUNT(DISTINCT key >> 40) FROM reading") == 2)
    }
}

import Foundation
import HTTPClient
import Testing

/// All outputs show the same states of sensors and devices, on the edge and in the cloud.
@Suite struct StateTests {
    /// The output of Prometheus's own metrics checker; empty if nothing is wrong.
    private func promtool(_ metrics: String) throws -> String {
        let process = Process()
        let output = Pipe()
        let file = FileManager.default.temporaryDirectory.path + "/vaho-metrics-\(UInt64.random(in: 0...(.max)))"
        try metrics.write(toFile: file, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: file) }
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["promtool", "check", "metrics"]
        (process.standardInput, process.standardOutput, process.standardError) = (FileHandle(forReadingAtPath: file), output, output)
        try process.run()
        let said = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return String(decoding: said, as: UTF8.self) + (process.terminationStatus == 0 ? "" : " ended with \(process.terminationStatus)")
    }

    private func text(_ port: Int, _ path: String) async throws -> (status: Int, body: String) {
        let client = HTTPClient(settings: HTTPClient.Settings(userAgent: "test"))
        let response = try await client.send(HTTPClient.Request(method: "GET", url: "http://127.0.0.1:\(port)\(path)"))
        return (response.status, String(decoding: response.body, as: UTF8.self))
    }

    private func device(_ port: Int) async throws -> [String: Any] {
        let body = try await text(port, "/v1/status").body
        return (try JSONSerialization.jsonObject(with: Data(body.utf8)) as? [String: Any])?["device"] as? [String: Any] ?? [:]
    }

    private func sensors(_ device: [String: Any]) -> [[String: Any]] { device["sensors"] as? [[String: Any]] ?? [] }
    private func states(_ device: [String: Any]) -> [String: String] {
        Dictionary(sensors(device).map { ($0["name"] as? String ?? "", $0["state"] as? String ?? "") }) { first, _ in first }
    }
    private func sensor(_ name: String, of device: [String: Any]) -> [String: Any] { sensors(device).first { $0["name"] as? String == name } ?? [:] }

    @Test(.timeLimit(.minutes(3)))
    func `failing, stale, impossible and heated sensors appear in API, metrics, commands and cloud`() async throws {
        let cloud = Cloud()
        try await cloud.start()
        _ = try cloud.add("house")
        let chip = "\(cloud.folder)/sys/class/hwmon/hwmon0"
        let hot = "\(cloud.folder)/sys/class/hwmon/hwmon1"
        for (folder, name) in [(chip, "sht4x"), (hot, "sht3x")] {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            for (file, value) in [("name", name), ("humidity1_input", "45000"), ("temp1_input", "21000")] {
                try value.write(toFile: "\(folder)/\(file)", atomically: true, encoding: .utf8)
            }
        }
        try "1".write(toFile: "\(hot)/heater_enable", atomically: true, encoding: .utf8)
        let environment = cloud.edgeEnvironment("house").merging([
            "VAHO_SYSFS_ROOT": "\(cloud.folder)/sys", "VAHO_SAMPLE_PERIOD_SECONDS": "1", "VAHO_SENSOR_GOOD": "simulated",
            "VAHO_SENSOR_DEAD": "hwmon:sht4x", "VAHO_SENSOR_HOT": "hwmon:sht3x",
            "VAHO_SENSOR_HUNG": "command:echo 48,20; echo 48.1,20; exec sleep 600",
            "VAHO_SENSOR_WILD": "command:echo 55.6,21; sleep 1; while echo 250,21; do sleep 1; done",
        ]) { $1 }
        let edge = try RunningProgram("vaho-edge", ["run"], environment: environment, folder: cloud.folder)
        let port = try await edge.port()
        _ = try await seen("a value of sensor dead before its chip is removed") {
            try await text(port, "/metrics").body.contains("vaho_relative_humidity_ratio{sensor=\"dead\"} 0.45") ? true : nil
        }
        try FileManager.default.removeItem(atPath: chip)
        let expected = ["good": "ok", "dead": "failing", "hot": "failing", "hung": "stale", "wild": "failing"]
        let shown = try await seen("the states on the edge") {
            let found = try await device(port)
            return states(found) == expected ? found : nil
        }
        #expect(sensors(shown).map { $0["state"] as? String ?? "" } == ["failing", "failing", "failing", "stale", "ok"])
        let wild = sensor("wild", of: shown)
        #expect((wild["rejected"] as? [String: Any])?["humidity_pct"] as? Double == 250)
        let last = try #require(wild["last"] as? [String: Any])
        #expect(last["humidity_pct"] as? Double == 55.6 && last["present"] as? Bool == false && last["dew_point_c"] is NSNull)
        #expect((sensor("dead", of: shown)["state_detail"] as? String)?.contains("no hwmon device named «sht4x»") == true)
        #expect((sensor("hot", of: shown)["state_detail"] as? String)?.contains("heater") == true && sensor("hot", of: shown)["last"] is NSNull)

        let metrics = try await text(port, "/metrics").body
        #expect(try promtool(metrics) == "")
        for name in ["dead", "hot", "hung", "wild"] {
            #expect(metrics.contains("vaho_sensor_up{sensor=\"\(name)\"} 0"))
            #expect(
                !metrics.contains("vaho_relative_humidity_ratio{sensor=\"\(name)\"}")
                    && !metrics.contains("vaho_dew_point_celsius{sensor=\"\(name)\"}"))
        }
        #expect(metrics.contains("vaho_sensor_up{sensor=\"good\"} 1") && metrics.contains("vaho_sensor_state{sensor=\"hung\",state=\"stale\"} 1"))
        #expect(metrics.contains("vaho_build_info{version=\"0.1.0\"} 1") && metrics.contains("vaho_uplink_up 1"))

        // The command reads the store of the running daemon.
        let table = try await seen("the states in the status command") {
            let output = try RunningProgram.run("vaho-edge", ["status"], environment: environment).output
            return output.contains("250 % at ") && output.contains("dead failing since") ? output : nil
        }
        #expect(table.split(separator: "\n").allSatisfy { $0.count <= 80 }, "\(table)")
        #expect(table.contains("last good value 55.6 %"))

        let there = try await seen("the same states in the cloud") {
            let found = try await cloud.device("house")
            return states(found) == expected ? found : nil
        }
        #expect((sensor("wild", of: there)["rejected"] as? [String: Any])?["humidity_pct"] as? Double == 250)
        let counts = try await seen("the cloud's counts") {
            let counts = try await cloud.json("/v1/devices")["counts"] as? [String: [String: Int]]
            return counts?["sensors"]?["failing"] == 3 && counts?["sensors"]?["stale"] == 1 ? counts : nil
        }
        #expect(counts["sensors"]?["ok"] == 1 && counts["devices"]?["ok"] == 1)
        let all = String(decoding: try await cloud.request("GET", "/metrics").body, as: UTF8.self)
        #expect(try promtool(all) == "")
        #expect(all.contains("vaho_sensors_in_state{state=\"failing\"} 3") && all.contains("vaho_sensor_up{device=\"house\",sensor=\"dead\"} 0"))
        let list = try cloud.run("device", "list").output
        #expect(list.contains("dead failing") && list.split(separator: "\n").allSatisfy { $0.count <= 80 }, "\(list)")
        edge.signal(SIGTERM)
        #expect(try await edge.exitCode() == 0)
        // After the daemon has stopped, no sensor value is present any more.
        _ = try await seen("the state stale for every sensor that is not failing") {
            let output = try RunningProgram.run(
                "vaho-edge", ["status", "--format", "csv"], environment: environment.merging(["VAHO_COMMIT_PERIOD_SECONDS": "0"]) { $1 }
            ).output
            return output.contains("good,simulated,stale") ? true : nil
        }
        #expect(try await cloud.stop() == 0)
    }

    @Test(.timeLimit(.minutes(3)))
    func `a refused device is shown as refused everywhere, a silent one as silent, and the worst come first`() async throws {
        let cloud = Cloud()
        try await cloud.start(["VAHO_SILENT_AFTER_SECONDS": "5"])
        for name in ["alpha", "beta", "gamma"] { _ = try cloud.add(name) }
        try "0000".write(toFile: "\(cloud.folder)/beta/token", atomically: true, encoding: .utf8)
        func run(_ name: String) throws -> RunningProgram {
            let environment = cloud.edgeEnvironment(name).merging(["VAHO_SAMPLE_PERIOD_SECONDS": "1", "VAHO_SENSOR_AIR": "simulated"]) { $1 }
            return try RunningProgram("vaho-edge", ["run"], environment: environment, folder: cloud.folder)
        }
        let (good, refused) = (try run("alpha"), try run("beta"))
        let port = try await refused.port()
        _ = try await seen("the refusal on the edge") { try await device(port)["state"] as? String == "refused" ? true : nil }
        let ready = try await text(port, "/readyz")
        #expect(ready.status == 503 && ready.body.contains("401"))
        #expect(try await text(port, "/metrics").body.contains("vaho_device_state{state=\"refused\"} 1"))
        let environment = cloud.edgeEnvironment("beta").merging(["VAHO_SENSOR_AIR": "simulated"]) { $1 }
        let status = try RunningProgram.run("vaho-edge", ["status"], environment: environment).output
            .split(whereSeparator: \.isWhitespace).joined(separator: " ")  // lines are wrapped anywhere
        #expect(status.contains("cloud refused with 401") && status.contains("vaho-cloud device code beta"), "\(status)")

        let order = try await seen("the devices in the order refused, silent, ok") {
            let devices = try await cloud.json("/v1/devices")["devices"] as? [[String: Any]] ?? []
            let found = devices.map { "\($0["id"] ?? "") \($0["state"] ?? "")" }
            return found == ["beta refused", "gamma silent", "alpha ok"] ? found : nil
        }
        #expect(order.count == 3)
        let page = try await cloud.json("/v1/devices?limit=1")
        let next = try #require(page["next"] as? String)
        let second = try await cloud.json("/v1/devices?limit=1&after=\(next)")["devices"] as? [[String: Any]]
        #expect(second?.first?["id"] as? String == "gamma")
        let counts = try await seen("the counts of refused and silent devices") {
            let counts = try await cloud.json("/v1/devices")["counts"] as? [String: [String: Int]]
            return counts?["devices"]?["refused"] == 1 && counts?["devices"]?["silent"] == 1 ? counts : nil
        }
        #expect(counts["devices"]?["ok"] == 1)
        let list = try cloud.run("device", "list").output
        #expect(
            list.split(separator: "\n").dropFirst().prefix(3).map { $0.split(separator: " ").prefix(2).joined(separator: " ") } == [
                "beta refused", "gamma silent", "alpha ok",
            ])

        // Anyone can send a request under a device's name; a device that the cloud still hears from stays ok.
        let strange = try await cloud.request("POST", "/v1/devices/alpha/batches", headers: [("Authorization", "Bearer wrong")], body: [1])
        #expect(strange.status == 401)
        #expect(try await cloud.device("alpha")["state"] as? String == "ok")

        // The command that the error message names works: a code admits the device again.
        let code = try #require(try cloud.run("device", "code", "beta").output.split(separator: "\n").first.map(String.init))
        var enrolment = environment
        (enrolment["VAHO_CLOUD_URL"], enrolment["VAHO_TOKEN_FILE"]) = (nil, nil)
        let url = "http://127.0.0.1:\(cloud.port)"
        #expect(try RunningProgram.run("vaho-edge", ["enrol", url, code], environment: enrolment).code == 0)
        for edge in [good, refused] {
            edge.signal(SIGTERM)
            #expect(try await edge.exitCode() == 0)
        }
        #expect(try await cloud.stop() == 0)
    }

    @Test(.timeLimit(.minutes(2)))
    func `a running daemon applies an enrolment, and a reused code is refused and logged`() async throws {
        let cloud = Cloud()
        try await cloud.start()
        let url = "http://127.0.0.1:\(cloud.port)"
        let state = "\(cloud.folder)/loft-state"
        let environment = [
            "VAHO_STATE_DIR": state, "VAHO_SENSOR_AIR": "simulated", "VAHO_SAMPLE_PERIOD_SECONDS": "1", "VAHO_LISTEN": "127.0.0.1:0",
            "VAHO_SYNC_PERIOD_SECONDS": "1", "VAHO_STORE": "sqlite:/of/the/cloud", "VAHO_SILENT_AFTER_SECONDS": "9",  // the other program's
        ]
        let edge = try RunningProgram("vaho-edge", ["run"], environment: environment, folder: cloud.folder)
        let port = try await edge.port()
        let code = try #require(try cloud.run("device", "code", "loft").output.split(separator: "\n").first.map(String.init))
        #expect(try RunningProgram.run("vaho-edge", ["enrol", url, code], environment: environment).code == 0)
        _ = try await seen("rows of the new device in the cloud") { try await cloud.device("loft")["last_seen_at"] is String ? true : nil }
        #expect(try await device(port)["id"] as? String == "loft")
        #expect(edge.log.contains("enrolment applied device=loft"))
        let again = try RunningProgram.run("vaho-edge", ["enrol", url, code], environment: ["VAHO_STATE_DIR": "\(state)-2"])
        #expect(again.code == 1 && again.errors.contains("vaho-cloud device code loft makes a new one"), "\(again.errors)")
        #expect(cloud.program?.log.contains("<4>api: enrolment refused: code used before or expired device=loft") == true)
        edge.signal(SIGTERM)
        #expect(try await edge.exitCode() == 0)
        #expect(try await cloud.stop() == 0)
    }
}

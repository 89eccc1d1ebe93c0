import Foundation
import HTTPClient
import Signing
import Testing
import Text

/// Both programs as processes on loopback.
@Suite(.serialized) struct MainLoopTests {
    private static let recordings = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/../../deploy/demo"
    private let recording = "\(recordings)/airport.csv"
    private let client = HTTPClient(settings: HTTPClient.Settings(userAgent: "end-to-end"))

    private func edgeJSON(_ port: Int, _ path: String) async throws -> (status: Int, json: [String: Any]) {
        let response = try await client.send(HTTPClient.Request(method: "GET", url: "http://127.0.0.1:\(port)\(path)"))
        return (response.status, try JSONSerialization.jsonObject(with: Data(response.body)) as? [String: Any] ?? [:])
    }

    private func counter(_ device: [String: Any]) -> Int? { (device["release"] as? [String: Any])?["counter"] as? Int }

    @Test(.timeLimit(.minutes(5)))
    func `a reading becomes a forecast, reaches the cloud, trains a model, and the device uses the model`() async throws {
        let cloud = Cloud()
        // The three recordings have 70 days each: training starts when the last data has arrived.
        try await cloud.start(["VAHO_TRAIN_AFTER_DEVICE_DAYS": "210"])
        func start(_ device: String, _ recording: String, speed: Int) async throws -> (edge: RunningProgram, port: Int, environment: [String: String])
        {
            _ = try cloud.add(device)
            var environment = cloud.edgeEnvironment(device)
            environment["VAHO_SENSOR_AIR"] = "replay:\(Self.recordings)/\(recording).csv"
            let edge = try RunningProgram("vaho-edge", ["run", "--speed", String(speed)], environment: environment, folder: cloud.folder)
            return (edge, try await edge.port(), environment)
        }
        var edges: [RunningProgram] = []
        for device in ["airport", "attic", "bathroom"] {
            let (edge, port, _) = try await start(device, device, speed: 1_000_000)
            edges.append(edge)
            // The device forecasts on its own.
            let forecast = try await seen("a forecast") { () -> [String: Any]? in
                let answer = try await edgeJSON(port, "/v1/forecast?horizon=PT24H")
                return answer.status == 200 ? answer.json : nil
            }
            let quantiles = try #require(forecast["humidity_pct"] as? [[Double]])
            #expect(quantiles.allSatisfy { $0.count == 7 && $0 == $0.sorted() && $0.allSatisfy { (0...100).contains($0) } })
        }

        // Every reading arrives once; a model is trained and signed, and every device downloads it.
        let trained = try await seen("a release", within: 120) {
            (try await cloud.json("/v1/devices")["release"] as? [String: Any])?["counter"] as? Int
        }
        #expect(try await cloud.metric("vaho_readings_total") == 1_680 + 1_680 + 10_080)
        for device in ["airport", "attic", "bathroom"] {
            _ = try await seen("the release on \(device)") { counter(try await cloud.device(device)) == trained ? true : nil }
        }
        for edge in edges {
            edge.signal(SIGTERM)
            #expect(try await edge.exitCode() == 0)
        }

        // A new device uses the release from its third day on and scores it.
        let (edge, port, environment) = try await start("tower", "airport", speed: 400_000)
        _ = try await seen("a forecast by the release") { () -> Bool? in
            let made = try await edgeJSON(port, "/v1/forecast").json
            return made["method"] as? String == "network" && counter(made) == trained ? true : nil
        }
        _ = try await seen("the live error of the release in the cloud") { () -> Bool? in
            let scores = try await cloud.device("tower")["scores"] as? [[String: Any]] ?? []
            return scores.contains { $0["release"] as? Int == trained } ? true : nil
        }
        // After weeks of scores a device knows how far ahead its forecasts have skill, and the cloud reports the same skill.
        let made = try await seen("a forecast with a known end of its skill") { () -> [String: Any]? in
            let forecast = try await edgeJSON(port, "/v1/forecast?horizon=PT6H").json
            return (forecast["skill_end"] as? [String: Any])?["state"] as? String == "unknown" ? nil : forecast
        }
        let skill = try #require(made["skill_vs_climatology"] as? [Double])
        #expect(skill.count == 6 && skill[0] > 0.3 && skill[0] > skill[5])
        _ = try await seen("the skill in the cloud") { () -> Bool? in
            let forecast = try await cloud.json("/v1/devices/tower/forecast?horizon=PT6H")
            return (forecast["skill_vs_climatology"] as? [Double])?.count == 6 ? true : nil
        }
        // The release has a strong ETag and supports range requests.
        let token = try String(contentsOfFile: "\(cloud.folder)/tower/token", encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines)
        func release(_ headers: (name: String, value: String)...) async throws -> HTTPClient.Response {
            try await cloud.request("GET", "/v1/devices/tower/release", headers: [(name: "Authorization", value: "Bearer \(token)")] + headers)
        }
        let whole = try await release()
        let tag = try #require(whole.headers["etag"])
        #expect(whole.status == 200 && tag == "\"\(Hexadecimal.text(SHA256.digest(whole.body)))\"")
        #expect(try await release((name: "If-None-Match", value: tag)).status == 304)
        let part = try await release((name: "Range", value: "bytes=100-199"))
        #expect(part.status == 206 && part.body == Array(whole.body[100...199]))
        #expect(part.headers["content-range"] == "bytes 100-199/\(whole.body.count)")
        #expect(try await release((name: "Range", value: "bytes=999999-")).status == 416)

        // Both programs serve the page and its parts.
        for face in [cloud.port, port] {
            for path in ["/", "/app.js", "/app.css", "/dygraph.min.js", "/livez", "/readyz"] {
                #expect(try await client.send(HTTPClient.Request(method: "GET", url: "http://127.0.0.1:\(face)\(path)")).status == 200, "\(path)")
            }
        }
        // The commands read the store while the daemon runs.
        for command in [["status"], ["forecast", "--horizon", "24h"], ["history", "--last", "6h"], ["model", "show"]] {
            let looked = try RunningProgram.run("vaho-edge", command + ["--format", "json"], environment: environment)
            #expect(looked.code == 0, "\(looked.errors)")
            #expect(throws: Never.self) { try JSONSerialization.jsonObject(with: Data(looked.output.utf8)) }
        }
        let told = try RunningProgram.run("vaho-edge", ["forecast", "--format", "table"], environment: environment).output
        #expect(told.contains("  skill: ends at ") || told.contains("  skill: lasts to the end of five days"), "\(told)")
        let shown = try cloud.run("models", "show", "--format", "csv")
        #expect(shown.output.contains("counter,\(trained)"))

        edge.signal(SIGTERM)
        #expect(try await edge.exitCode() == 0)
        #expect(!edge.log.contains("ended by force"))
        // The commands also work after the daemon has stopped.
        let stopped = try RunningProgram.run("vaho-edge", ["forecast", "--format", "csv"], environment: environment)
        #expect(stopped.output.split(separator: "\n").count == 45)  // a header and the lead times of an hourly sensor
        #expect(try await cloud.stop() == 0)
    }

    @Test(.timeLimit(.minutes(3)))
    func `no reading is lost or stored twice after kill -9 of both programs and without a cloud`() async throws {
        let cloud = Cloud()
        try await cloud.start()
        _ = try cloud.add("airport")
        var environment = cloud.edgeEnvironment("airport")
        environment["VAHO_SENSOR_AIR"] = "replay:\(recording)"
        for round in 1...4 {
            let edge = try RunningProgram("vaho-edge", ["run", "--speed", "500000"], environment: environment, folder: cloud.folder)
            let port = try await edge.port()
            let stored = { (try await self.edgeJSON(port, "/v1/status").json["store"] as? [String: Any])?["readings"] as? Int ?? 0 }
            _ = try await seen("more readings") { try await stored() >= round * 300 ? true : nil }
            if round == 2 {  // the cloud is gone while the edge keeps running
                _ = try await cloud.stop(SIGKILL)
                let before = try await stored()
                _ = try await seen("readings without the cloud") { try await stored() > before + 50 ? true : nil }
            }
            edge.signal(SIGKILL)
            _ = try await edge.exitCode()
            if round == 2 { try await cloud.start() }
        }
        let edge = try RunningProgram("vaho-edge", ["run", "--speed", "1000000"], environment: environment, folder: cloud.folder)
        let port = try await edge.port()
        _ = try await seen("the whole recording delivered", within: 90) { () -> Bool? in
            let status = try await edgeJSON(port, "/v1/status").json
            let store = status["store"] as? [String: Any]
            return store?["readings"] as? Int == 1_680 && store?["backlog"] as? Int == 0 ? true : nil
        }
        #expect(try await cloud.metric("vaho_readings_total") == 1_680)
        _ = try await seen("all observations derived") { try await cloud.metric("vaho_underived_batches") == 0 ? true : nil }
        edge.signal(SIGTERM)
        #expect(try await edge.exitCode() == 0)
        _ = try await cloud.stop()
        // Each reading of the recording is stored exactly once.
        let database = try RunningProgram.sqlite(
            "\(cloud.folder)/cloud/archive.sqlite", "SELECT COUNT(*), SUM(readings), MIN(readings), MAX(readings) FROM observation_bin")
        #expect(database == "1680|1680|1|1")
    }

    @Test(.timeLimit(.minutes(1)))
    func `SIGTERM ends both programs within five seconds, even with a server that never answers`() async throws {
        let cloud = Cloud()
        try await cloud.start()
        _ = try cloud.add("roof")
        let silent = try SilentServer()
        var environment = cloud.edgeEnvironment("roof")
        environment["VAHO_SENSOR_AIR"] = "simulated"
        environment["VAHO_SAMPLE_PERIOD_SECONDS"] = "1"
        environment["VAHO_COMMIT_PERIOD_SECONDS"] = "0"
        environment["VAHO_CLOUD_URL"] = "http://127.0.0.1:\(silent.port)"
        let edge = try RunningProgram("vaho-edge", ["run"], environment: environment, folder: cloud.folder)
        _ = try await edge.port()
        _ = try await seen("a request that hangs") { silent.hasCaller ? true : nil }
        let asked = ContinuousClock.now
        edge.signal(SIGTERM)
        #expect(try await edge.exitCode() == 0)
        #expect(ContinuousClock.now - asked < .seconds(5))
        let askedCloud = ContinuousClock.now
        #expect(try await cloud.stop() == 0)
        #expect(ContinuousClock.now - askedCloud < .seconds(5))
    }
}

/// Both programs over TLS, with a certificate of the test's own authority.
@Suite(.serialized) struct TLSTests {
    private func openssl(_ arguments: String...) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/openssl")
        process.arguments = arguments
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
    }

    @Test(.timeLimit(.minutes(1)))
    func `an edge that knows the cloud's certificate authority delivers over TLS, and another edge refuses to connect`() async throws {
        let cloud = Cloud()
        try FileManager.default.createDirectory(atPath: cloud.folder, withIntermediateDirectories: true)
        let (certificate, key) = ("\(cloud.folder)/cert.pem", "\(cloud.folder)/key.pem")
        try openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out", certificate, "-days", "2",
            "-subj", "/CN=vaho", "-addext", "subjectAltName=IP:127.0.0.1")
        try await cloud.start(["VAHO_TLS_CERT_FILE": certificate, "VAHO_TLS_KEY_FILE": key])
        // TLS 1.2 and newer only. Security level 0 lets the client offer the old versions that the server must refuse.
        for (version, isTaken) in [("-tls1", false), ("-tls1_1", false), ("-tls1_2", true), ("-tls1_3", true)] {
            let tried = try RunningProgram.run(
                program: "/bin/sh",
                ["-c", "openssl s_client \(version) -cipher ALL:@SECLEVEL=0 -connect 127.0.0.1:\(cloud.port) </dev/null"], environment: [:])
            #expect(tried.output.contains("BEGIN CERTIFICATE") == isTaken, "\(version)")
        }
        _ = try cloud.add("vault")
        var environment = cloud.edgeEnvironment("vault")
        environment["VAHO_SENSOR_AIR"] = "simulated"
        environment["VAHO_SAMPLE_PERIOD_SECONDS"] = "1"
        environment["VAHO_COMMIT_PERIOD_SECONDS"] = "0"
        environment["VAHO_CLOUD_URL"] = "https://127.0.0.1:\(cloud.port)"
        let stranger = try RunningProgram("vaho-edge", ["run"], environment: environment, folder: cloud.folder)
        _ = try await seen("the refusal") { stranger.log.contains("cloud not reached") && stranger.log.contains("certificate") ? true : nil }
        stranger.signal(SIGTERM)
        #expect(try await stranger.exitCode() == 0)
        environment["VAHO_CA_FILE"] = certificate
        environment["VAHO_LOG_LEVEL"] = "debug"
        let edge = try RunningProgram("vaho-edge", ["run"], environment: environment, folder: cloud.folder)
        _ = try await seen("a delivery over TLS") { edge.log.contains("batch delivered") ? true : nil }
        edge.signal(SIGTERM)
        #expect(try await edge.exitCode() == 0)
        #expect(try await cloud.stop() == 0)
    }

    @Test(.timeLimit(.minutes(1)))
    func `a second program on the same folder refuses to start`() async throws {
        let cloud = Cloud()
        try await cloud.start()
        let second = try RunningProgram(
            "vaho-cloud", ["serve"], environment: cloud.environment.merging(["VAHO_LISTEN": "127.0.0.1:0"]) { $1 }, folder: cloud.folder)
        #expect(try await second.exitCode() == 1)
        #expect(second.log.contains("is in use by another server or by vaho-cloud migrate"))
        #expect(try await cloud.stop() == 0)
    }
}

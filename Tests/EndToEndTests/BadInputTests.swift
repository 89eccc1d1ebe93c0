import Foundation
import HTTPClient
import Measures
import Testing
import Wire

/// Every mistake of a person or a device gets an error that says what is wrong, where, and what to do; everything else continues.
@Suite(.serialized) struct BadInputTests {
    private static func batch(first: Int64 = 1, count: Int = 10, at start: Int64 = 1_700_000_000_000) throws -> Batch {
        let rows = (0..<count).map { Batch.Row.reading(sensor: 0, Reading(takenAt: Instant(ms: start + Int64($0) * 60_000), humidityMpct: 45_000)) }
        return Batch(epoch: Epoch(bits: 77), first: first, sensors: [try #require(SensorName("air"))], rows: rows)
    }

    private func detail(_ response: HTTPClient.Response) -> String {
        let json = try? JSONSerialization.jsonObject(with: Data(response.body)) as? [String: Any]
        return json?["detail"] as? String ?? String(decoding: response.body, as: UTF8.self)
    }

    @Test(.timeLimit(.minutes(2)))
    func `bad batches are refused one by one, and good batches are accepted after each`() async throws {
        let cloud = Cloud()
        try await cloud.start()
        let token = try cloud.add("church")
        let other = try cloud.add("tower")
        var stored = 0

        func post(_ body: [UInt8], type: String = BatchFormat.mediaType, token: String? = token, device: String = "church") async throws
            -> HTTPClient.Response
        {
            let authorization = token.map { [(name: "Authorization", value: "Bearer \($0)")] } ?? []
            return try await cloud.request(
                "POST", "/v1/devices/\(device)/batches", headers: authorization + [(name: "Content-Type", value: type)], body: body)
        }
        func expectRefused(_ response: HTTPClient.Response, _ status: Int, _ words: String, line: Int = #line) async throws {
            #expect(response.status == status, "line \(line)")
            #expect(detail(response).contains(words), "line \(line): \(detail(response))")
            #expect(response.headers["content-type"] == "application/problem+json")
            #expect(try await post(Self.batch(first: Int64(stored + 1)).binary()).status == 200)
            stored += 10
            #expect(try await cloud.metric("vaho_readings_total") == stored)
        }
        let good = try Self.batch().binary()
        try await expectRefused(try await post(good, token: nil), 401, "token is needed")
        try await expectRefused(try await post(good, token: "wrong"), 401, "not known")
        try await expectRefused(try await post(good, token: other), 403, "belongs to another device, not to church")
        try await expectRefused(try await post(Array(good.prefix(40))), 400, "CRC-32C")
        try await expectRefused(
            try await post([UInt8](repeating: 65, count: BatchFormat.byteLimit + 1)), 413, "larger than \(BatchFormat.byteLimit) bytes")
        try await expectRefused(try await post(Array("{\"version\":".utf8), type: "application/json"), 400, "not JSON")
        try await expectRefused(try await post(good, type: "text/csv"), 415, BatchFormat.mediaType)
        var later = good
        later[4] = 9
        try await expectRefused(try await post(later), 415, "accepts version 1")
        try await expectRefused(try await post(Array(#"{"version":2}"#.utf8), type: "application/json"), 415, "version 2")
        let short =
            #"{"version":1,"epoch":"00000000000000aa","first":1,"sensors":["a"],"sensor":[0,0],"taken_at_ms":[1700000000000],"humidity_mpct":[45000,45100]}"#
        try await expectRefused(try await post(Array(short.utf8), type: "application/json"), 400, "/taken_at_ms: 1 values")
        let wrongType = short.replacingOccurrences(of: "[45000,45100]", with: "[45000,\"wet\"]")
        try await expectRefused(try await post(Array(wrongType.utf8), type: "application/json"), 400, "/humidity_mpct/1")
        try await expectRefused(try await cloud.request("GET", "/v1/devices/nobody/forecast"), 404, "no device «nobody»")
        try await expectRefused(try await cloud.request("GET", "/v1/devices/church/forecast?horizon=tomorrow"), 400, "PT24H")
        try await expectRefused(try await cloud.request("DELETE", "/v1/devices"), 405, "use GET")

        // A repeat changes nothing; different content under the same name is a conflict and changes no stored row.
        let repeated = try await post(good)
        #expect(repeated.status == 200)
        let conflict = try await post(Self.batch(at: 1_700_000_000_001).binary())
        let answer = try JSONSerialization.jsonObject(with: Data(conflict.body)) as? [String: Any]
        #expect(answer?["conflicts"] as? [Int] == Array(1...10))
        #expect(try await cloud.metric("vaho_readings_total") == stored)

        // Readings with an impossible time are refused alone and settled; readings from the future are kept for a correction.
        _ = try await post(Self.batch(first: Int64(stored + 3), count: 2, at: 4_000_000_000_000).binary())
        let future = try await post(Self.batch(first: Int64(stored + 1), count: 2, at: 7_999_000_000_000).binary())
        let settled = try JSONSerialization.jsonObject(with: Data(future.body)) as? [String: Any]
        #expect((settled?["refused"] as? [[String: Any]])?.map { $0["reason"] as? String } == ["malformed", "malformed"])
        #expect(settled?["through"] as? Int == stored + 4)

        let far =
            #"{"version":1,"epoch":"00000000000000ab","first":1,"sensors":["a"],"sensor":[0,0],"taken_at_ms":[-9000000000000000000,9000000000000000000],"humidity_mpct":[50000,50000]}"#
        let overflowing = try await post(Array(far.utf8), type: "application/json")
        #expect(overflowing.status == 400 && detail(overflowing).hasPrefix("/taken_at_ms/0:"))

        // A reading of 250 % is kept but never observed.
        let wet =
            #"{"version":1,"epoch":"00000000000000bb","first":1,"sensors":["wet"],"sensor":[0],"taken_at_ms":[1700000000000],"humidity_mpct":[250000]}"#
        #expect(try await post(Array(wet.utf8), type: "application/json").status == 200)
        let times = try await seen("the sensor with the reading of 250 %") {
            try await cloud.json("/v1/devices/church/observations?sensor=wet")["time"] as? [String]
        }
        #expect(times.isEmpty)

        // A device that sends requests endlessly is told to wait; another device is not affected.
        let neighbour = try cloud.add("neighbour")
        func ask(_ token: String, _ device: String) async throws -> HTTPClient.Response {
            try await cloud.request("GET", "/v1/devices/\(device)/release", headers: [("Authorization", "Bearer \(token)")])
        }
        let (client, url) = (cloud.client, "http://127.0.0.1:\(cloud.port)/v1/devices/church/release")
        // Many at once: on a busy machine, one request after another may be too slow to be too often.
        let exceeded = try await seen("a 429 for a device that asks too often") { () -> HTTPClient.Response? in
            try await withThrowingTaskGroup(of: HTTPClient.Response?.self) { group in
                for _ in 0..<16 {
                    group.addTask {
                        for _ in 0..<60 {
                            let request = HTTPClient.Request(method: "GET", url: url, headers: [("Authorization", "Bearer \(token)")])
                            let response = try await client.send(request)
                            if response.status == 429 { return response }
                        }
                        return nil
                    }
                }
                return try await group.reduce(nil) { $0 ?? $1 }
            }
        }
        #expect(exceeded.headers["retry-after"] == "1" && detail(exceeded).contains("too often"))
        #expect(try await ask(neighbour, "neighbour").status == 404)

        #expect(try cloud.run("device", "revoke", "church").code == 0)
        let revoked = try await seen("a 403 for the revoked device") { () -> HTTPClient.Response? in
            let response = try await post(good)
            return response.status == 403 ? response : nil
        }
        #expect(detail(revoked).contains("revoked"))
        _ = try await cloud.stop()
    }

    @Test(.timeLimit(.minutes(1)))
    func `batches of many devices at once, each sent twice, are stored once`() async throws {
        let cloud = Cloud()
        try await cloud.start()
        let devices = try (1...6).map { (name: "d\($0)", token: try cloud.add("d\($0)")) }
        let port = cloud.port
        let statuses = try await withThrowingTaskGroup(of: [Int].self) { group in
            for device in devices + devices {
                group.addTask {
                    let client = HTTPClient(settings: HTTPClient.Settings(userAgent: "end-to-end"))
                    var statuses: [Int] = []
                    for round in 0..<20 {
                        let body = try Self.batch(first: Int64(round * 10 + 1), at: 1_700_000_000_000 + Int64(round) * 600_000).binary()
                        let request = HTTPClient.Request(
                            method: "POST", url: "http://127.0.0.1:\(port)/v1/devices/\(device.name)/batches",
                            headers: [("Authorization", "Bearer \(device.token)"), ("Content-Type", BatchFormat.mediaType)], body: body)
                        statuses.append(try await client.send(request).status)
                    }
                    return statuses
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        #expect(statuses == [Int](repeating: 200, count: 240))
        #expect(try await cloud.metric("vaho_readings_total") == 6 * 200)
        #expect(try await cloud.stop() == 0)
    }

    @Test func `a mistyped command suggests the nearest valid one and exits with code 2`() throws {
        for (arguments, words) in [
            (["forcast"], "did you mean «forecast»"), (["forecast", "--horizn", "3h"], "did you mean --horizon"),
            (["forecast", "--horizon", "soon"], "24h"),
            (["status", "--format", "xml"], "table, json, csv"),
        ] {
            let result = try RunningProgram.run("vaho-edge", arguments, environment: ["VAHO_STATE_DIR": "/nowhere"])
            #expect(result.code == 2)
            #expect(result.errors.contains(words), "\(result.errors)")
        }
        let backtest = try RunningProgram.run(
            "vaho-cloud", ["backtest", "--data", "/nowhere", "--origins", "/nowhere/o.csv", "--out", "/dev/null"], environment: [:])
        #expect(backtest.code == 1)
        #expect(backtest.errors.contains("cannot read /nowhere/o.csv: No such file"))
        let device = try RunningProgram.run("vaho-cloud", ["device", "add", "No/Name"], environment: ["VAHO_STORE": "sqlite:/nowhere"])
        #expect(device.code == 2)
        let missing = try RunningProgram.run("vaho-edge", ["status"], environment: ["VAHO_STATE_DIR": "/nowhere"])
        #expect(missing.code == 1)
        #expect(missing.errors.contains("is VAHO_STATE_DIR the folder of the daemon?"))
    }

    @Test func `three mistakes in the configuration are reported together`() throws {
        let result = try RunningProgram.run(
            "vaho-edge", ["run"],
            environment: [
                "VAHO_SENSOR_CELLAR": "hwmn:sht4x", "VAHO_SAMPLE_PERIOD_SECONDS": "often", "VAHO_LISTNE": "127.0.0.1:1", "VAHO_STATE_DIR": "/nowhere",
            ])
        #expect(result.code == 2)
        for words in [
            "3 settings are wrong", "did you mean hwmon?", "VAHO_SAMPLE_PERIOD_SECONDS=often: expected a whole number from 1 to 86400",
            "did you mean VAHO_LISTEN?",
        ] {
            #expect(result.errors.contains(words), "\(result.errors)")
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `a port in use or a missing recording ends the program with the reason`() async throws {
        let cloud = Cloud()
        try await cloud.start()
        let second = try RunningProgram(
            "vaho-cloud", ["serve"], environment: ["VAHO_STORE": "sqlite:\(cloud.folder)/second", "VAHO_LISTEN": "127.0.0.1:\(cloud.port)"],
            folder: cloud.folder)
        #expect(try await second.exitCode() == 1)
        #expect(second.log.contains("the port is in use"))
        let edge = try RunningProgram.run(
            "vaho-edge", ["run"], environment: ["VAHO_SENSOR_A": "replay:/nowhere.csv", "VAHO_STATE_DIR": "\(cloud.folder)/e", "VAHO_LISTEN": "off"])
        #expect(edge.code == 1)
        #expect(edge.errors.contains("cannot read /nowhere.csv"))
        #expect(try await cloud.stop() == 0)
    }

    @Test(.timeLimit(.minutes(1)))
    func `an edge whose page cannot listen on its port still samples and delivers`() async throws {
        let cloud = Cloud()
        try await cloud.start()
        _ = try cloud.add("desk")
        var environment = cloud.edgeEnvironment("desk")
        environment["VAHO_LISTEN"] = "127.0.0.1:\(cloud.port)"
        environment["VAHO_SENSOR_AIR"] = "simulated"
        environment["VAHO_SAMPLE_PERIOD_SECONDS"] = "1"
        environment["VAHO_COMMIT_PERIOD_SECONDS"] = "0"
        let edge = try RunningProgram("vaho-edge", ["run"], environment: environment, folder: cloud.folder)
        _ = try await seen("the error about the port") {
            edge.log.contains("local API not served") && edge.log.contains("the port is in use") ? true : nil
        }
        _ = try await seen("readings of the edge in the cloud") { try await cloud.metric("vaho_readings_total") >= 2 ? true : nil }
        edge.signal(SIGTERM)
        #expect(try await edge.exitCode() == 0)
        #expect(!edge.log.contains("ended by force"))
        _ = try await cloud.stop()
    }

    @Test(.timeLimit(.minutes(1)))
    func `a sensor with invalid output becomes one hole, and the other sensors continue`() async throws {
        let cloud = Cloud()
        try await cloud.start()
        _ = try cloud.add("lab")
        let device = "\(cloud.folder)/sys/class/hwmon/hwmon0"
        try FileManager.default.createDirectory(atPath: device, withIntermediateDirectories: true)
        func say(_ file: String, _ text: String) throws { try text.write(toFile: "\(device)/\(file)", atomically: true, encoding: .utf8) }
        try say("name", "sht4x")
        try say("humidity1_input", "wet")
        var environment = cloud.edgeEnvironment("lab")
        environment["VAHO_SYSFS_ROOT"] = "\(cloud.folder)/sys"
        environment["VAHO_SENSOR_BENCH"] = "hwmon:sht4x"
        environment["VAHO_SENSOR_ROOM"] = "simulated"
        environment["VAHO_SAMPLE_PERIOD_SECONDS"] = "1"
        environment["VAHO_COMMIT_PERIOD_SECONDS"] = "0"
        let edge = try RunningProgram("vaho-edge", ["run"], environment: environment, folder: cloud.folder)
        _ = try await edge.port()
        _ = try await seen("the error of sensor bench") { edge.log.contains("sensor cannot be read sensor=bench") ? true : nil }
        #expect(edge.log.contains("contains «wet», expected a number"))
        _ = try await seen("readings of sensor room") { try await cloud.metric("vaho_readings_total") >= 2 ? true : nil }
        try say("humidity1_input", "51000")
        let hole = try await seen("the hole in the cloud") { () -> [String: Any]? in
            (try await cloud.json("/v1/devices/lab")["holes"] as? [[String: Any]])?.first
        }
        #expect(hole["sensor"] as? String == "bench")
        #expect(hole["reason"] as? String == "sensor_error")
        edge.signal(SIGTERM)
        #expect(try await edge.exitCode() == 0)
        _ = try await cloud.stop()
    }
    @Test(.timeLimit(.minutes(1))) func `a log line has the time on a terminal, and the severity mark in a file`() throws {
        let folder = FileManager.default.temporaryDirectory.path + "/vaho-e2e-\(UInt64.random(in: 0...(.max)))"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let environment = ["VAHO_STATE_DIR": folder, "VAHO_SENSOR_AIR": "simulated", "VAHO_LISTEN": "off"]
        let command = "timeout 2 \(RunningProgram.binaries)/vaho-edge run"
        let terminal = try RunningProgram.run(program: "/usr/bin/script", ["-qec", command, "/dev/null"], environment: environment).output
        let line = try #require(terminal.split(whereSeparator: \.isNewline).first { $0.contains("vaho-edge: running") })
        #expect(line.range(of: "^[0-2][0-9]:[0-5][0-9]:[0-5][0-9] vaho-edge: running ", options: .regularExpression) != nil, "\(line)")
        let file = try RunningProgram.run(program: "/bin/sh", ["-c", command], environment: environment).errors
        #expect(file.contains("<6>vaho-edge: running "), "\(file)")
    }

    /// SIGSTOP acts like a suspended host: time passes, and the program does not run.
    @Test(.timeLimit(.minutes(1)))
    func `after a pause of the process no sensor is read twice in a period, and the gap is a hole`() async throws {
        let cloud = Cloud()
        try await cloud.start(["VAHO_SILENT_AFTER_SECONDS": "5"])
        _ = try cloud.add("lab")
        var environment = cloud.edgeEnvironment("lab")
        environment["VAHO_SENSOR_ROOM"] = "simulated"
        environment["VAHO_SAMPLE_PERIOD_SECONDS"] = "1"
        environment["VAHO_COMMIT_PERIOD_SECONDS"] = "0"
        let edge = try RunningProgram("vaho-edge", ["run"], environment: environment, folder: cloud.folder)
        _ = try await edge.port()
        _ = try await seen("readings") { try await cloud.metric("vaho_readings_total") >= 3 ? true : nil }
        edge.signal(SIGSTOP)
        let stoppedAt = ContinuousClock.now
        _ = try await seen("the silence of the device") { try await cloud.metric("vaho_devices_silent") == 1 ? true : nil }
        edge.signal(SIGCONT)
        let stopped = Int((ContinuousClock.now - stoppedAt).components.seconds)  // at least the five seconds after which a device is silent
        let hole = try await seen("the gap, as a hole in the cloud") { () -> [String: Any]? in
            (try await cloud.json("/v1/devices/lab")["holes"] as? [[String: Any]])?.first
        }
        #expect(hole["sensor"] as? String == "room" && hole["reason"] as? String == "not_sampled")
        #expect((4...(stopped + 1)).contains(try #require(hole["count"] as? Int)))
        let before = try await cloud.metric("vaho_readings_total")
        _ = try await seen("readings after the pause") { try await cloud.metric("vaho_readings_total") >= before + 3 ? true : nil }
        edge.signal(SIGTERM)
        #expect(try await edge.exitCode() == 0)
        let times = try RunningProgram.sqlite("\(cloud.folder)/lab/state/readings.sqlite", "SELECT taken_at_ms FROM reading ORDER BY key")
            .split(separator: "\n").compactMap { Int64($0) }
        let apart = zip(times.dropFirst(), times).map { $0 - $1 }
        #expect(apart.allSatisfy { $0 > 800 } && apart.filter { $0 > 4_000 }.count == 1, "\(apart)")
        _ = try await cloud.stop()
    }
}

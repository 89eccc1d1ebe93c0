import Foundation
import Testing

/// A sensor keeps its series under any name, with any part, and on any host.
@Suite struct SensorNamesTests {
    private let recording =
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path
        + "/deploy/demo/airport.csv"

    /// The first rows of the recording, without the given number at its beginning.
    private func part(_ rows: Int, without first: Int = 0, in folder: String) throws -> String {
        let lines = try String(contentsOfFile: recording, encoding: .utf8).split(separator: "\n")
        let path = "\(folder)/part-\(first)-\(rows).csv"
        try ([lines[0]] + lines[(first + 1)...rows]).joined(separator: "\n").write(toFile: path, atomically: true, encoding: .utf8)
        return path
    }

    private struct Series: Equatable {
        var sum: Int64
        var count: Int
    }

    /// The observations of a sensor on edge and cloud, in thousandths, once both have `count` observations.
    private func series(_ name: String, _ count: Int, _ cloud: Cloud, _ device: String, state: String? = nil) async throws -> Series {
        try await seen("\(count) observations of \(name), the same on both sides") {
            let here = try? RunningProgram.sqlite(
                "\(state ?? "\(cloud.folder)/\(device)/state")/readings.sqlite",
                "SELECT COUNT(*) || ' ' || SUM(o.humidity_mpct) FROM observation o JOIN sensor s ON s.id = o.sensor WHERE s.name = '\(name)'")
            let there = try? RunningProgram.sqlite(
                "\(cloud.folder)/cloud/archive.sqlite",
                """
                SELECT COUNT(*) || ' ' || SUM(b.humidity_sum_mpct) FROM observation_bin b JOIN sensor s ON s.id = b.sensor
                JOIN device d ON d.id = s.device WHERE s.name = '\(name)' AND d.name = '\(device)'
                """)
            let numbers = (here ?? "").split(separator: " ").compactMap { Int64($0) }
            guard here == there, numbers.count == 2, numbers[0] == Int64(count) else { return nil }
            return Series(sum: numbers[1], count: count)
        }
    }

    private func run(_ environment: [String: String], _ folder: String, until: () async throws -> Series) async throws -> Series {
        let edge = try RunningProgram("vaho-edge", ["run", "--speed", "1000000"], environment: environment, folder: folder)
        let found = try await until()
        edge.signal(SIGTERM)
        #expect(try await edge.exitCode() == 0)
        return found
    }

    @Test(.timeLimit(.minutes(3))) func `a series continues under another name, with another part, and on another host`() async throws {
        let cloud = Cloud()
        try await cloud.start()
        for device in ["straight", "moved"] { _ = try cloud.add(device) }
        func environment(_ device: String, _ sensor: String, rows: Int, without first: Int = 0) throws -> [String: String] {
            var environment = cloud.edgeEnvironment(device)
            environment["VAHO_SENSOR_\(sensor)"] = "replay:\(try part(rows, without: first, in: cloud.folder))"
            environment["VAHO_RETENTION_DAYS"] = "3650"
            return environment
        }
        let straight = try await run(environment("straight", "AIR", rows: 400), cloud.folder) { try await series("air", 400, cloud, "straight") }

        let first = try environment("moved", "AIR", rows: 200)
        let calibrated = try RunningProgram.run(
            "vaho-edge", ["calibrate", "air", "--offset", "-3", "--since", "2000-01-01T00:00:00Z"], environment: first)
        #expect(calibrated.code == 0)
        _ = try await run(first, cloud.folder) { try await series("air", 200, cloud, "moved") }
        // The rename is entered late: the calibration is then applied to the readings that arrived before.
        let unsaid = try await run(environment("moved", "HALL", rows: 250, without: 200), cloud.folder) {
            try await series("hall", 50, cloud, "moved")
        }
        let renamed = try environment("moved", "HALL", rows: 300)
        let done = try RunningProgram.run("vaho-edge", ["sensors", "rename", "air", "hall"], environment: renamed)
        #expect(done.code == 0 && done.output.contains("continues as hall"))
        // The recording continues where the old name ended, and the observations of that time belong to the new name.
        let joined = try await run(renamed, cloud.folder) { try await series("hall", 300, cloud, "moved") }
        #expect(joined.sum > unsaid.sum)
        #expect(try RunningProgram.run("vaho-edge", ["calibrate", "hall", "--undo"], environment: renamed).code == 0)
        let status = try RunningProgram.run("vaho-edge", ["status", "--format", "json"], environment: renamed).output
        #expect(status.contains("\"name\":\"hall\"") && !status.contains("\"name\":\"air\""))
        let sensors = try #require(try await cloud.device("moved")["sensors"] as? [[String: Any]])
        #expect(sensors.map { $0["name"] as? String } == ["hall"])

        // The state folder is moved to another host, where the machine's identity differs.
        var other = try environment("moved", "HALL", rows: 400)
        let state = "\(cloud.folder)/elsewhere"
        try FileManager.default.copyItem(atPath: "\(cloud.folder)/moved/state", toPath: state)
        other["VAHO_STATE_DIR"] = state
        _ = try RunningProgram.sqlite("\(state)/readings.sqlite", "UPDATE meta SET value = 'that of another host' WHERE name = 'fingerprint'")
        let moved = try await run(other, cloud.folder) { try await series("hall", 400, cloud, "moved", state: state) }
        #expect(moved == straight)
        #expect(try RunningProgram.sqlite("\(state)/readings.sqlite", "SELECT COUNT(*) FROM life") == "2")

        // The old calibration does not apply to the replacement part, and the cloud knows the serial number of the part.
        for words in [
            ["calibrate", "hall", "--offset", "5", "--since", "2000-01-01T00:00:00Z"],
            ["sensors", "replace", "hall", "--since", "2001-01-01T00:00:00Z", "--serial", "SN-2"],
        ] {
            let said = try RunningProgram.run("vaho-edge", words, environment: other)
            #expect(said.code == 0, "\(said.errors)")
        }
        let replaced = try await run(other, cloud.folder) {
            _ = try await seen("the serial number in the cloud") {
                try RunningProgram.sqlite("\(cloud.folder)/cloud/archive.sqlite", "SELECT COUNT(*) FROM sensor WHERE serial = 'SN-2'") == "1"
                    ? true : nil
            }
            return try await series("hall", 400, cloud, "moved", state: state)
        }
        #expect(replaced == straight)
        #expect(try RunningProgram.run("vaho-edge", ["calibrate", "hall", "--format", "csv"], environment: other).output.contains("2001-01-01"))

        #expect(try await cloud.stop() == 0)
        #expect(try cloud.run("rebuild").code == 0)
        try await cloud.start()
        #expect(try await series("hall", 400, cloud, "moved", state: state) == straight)
        #expect(try await cloud.stop() == 0)
    }

    @Test(arguments: [
        (["rename", "air", "hall"], "first give the sensor its new name in the configuration: VAHO_SENSOR_HALL"),
        (["rename", "air", "air"], "old and new name are the same"), (["rename", "a ir", "crypt"], "is not a sensor name"),
        (["rename", "air"], "NEW is missing"), (["replace", "hall"], "there is no sensor «hall» in the configuration: there are crypt"),
        (["replace", "crypt", "--serial", "A B"], "without blanks"),
        (["replace", "crypt", "--since", "2199-01-01T00:00:00Z"], "expected a time in the past"),
    ])
    func `an impossible rename or replacement is refused, and nothing is recorded`(words: [String], message: String) throws {
        let folder = FileManager.default.temporaryDirectory.path + "/vaho-e2e-\(UInt64.random(in: 0...(.max)))"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let wrong = try RunningProgram.run(
            "vaho-edge", ["sensors"] + words, environment: ["VAHO_STATE_DIR": folder, "VAHO_SENSOR_CRYPT": "simulated"])
        #expect(wrong.code == 2 && wrong.errors.contains(message), "\(wrong.errors)")
        #expect(!FileManager.default.fileExists(atPath: folder + "/sensor-notes"))
    }
}

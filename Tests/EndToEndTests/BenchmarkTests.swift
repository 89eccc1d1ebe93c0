import Foundation
import Testing

/// Checks that the benchmarks run and print what they should. Speed is measured on a quiet machine with an optimised build.
@Suite struct BenchmarkTests {
    private static let deploy = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/../../deploy"

    @Test(.timeLimit(.minutes(3))) func `the benchmark times each part of the forecast and exports the data of its network`() throws {
        let folder = FileManager.default.temporaryDirectory.path + "/vaho-benchmark-\(UInt64.random(in: 0...(.max)))"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let timed = try RunningProgram.run(
            "vaho-bench",
            ["forecast", "--release", Self.deploy + "/pretrained.vaho", "--data", Self.deploy + "/demo", "--rounds", "1", "--export", folder],
            environment: [:])
        #expect(timed.code == 0, "\(timed.errors)")
        let parts = try JSONSerialization.jsonObject(with: Data(timed.output.utf8)) as? [String: [String: Double]] ?? [:]
        #expect(Set(parts.keys) == ["observation_us", "shadow_us", "inputs_us", "network_us", "forecast_us"])
        for (name, part) in parts {
            #expect(Int(part["count"] ?? 0) == 1_680 + 1_680 + 10_080, "\(name)")  // every observation of the three recordings
            #expect((part["p50"] ?? 0) > 0 && (part["p50"] ?? 0) <= (part["p99"] ?? 0) && (part["p99"] ?? 0) <= (part["max"] ?? 0), "\(name)")
        }
        func floats(_ name: String) throws -> Int { try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(name).f32")).count / 4 }
        let rows = 2_000
        #expect(try floats("inputs") == rows * 111 && floats("leads") == rows * 18 * 16 && floats("outputs") == rows * 18 * 7)
    }

    @Test(.timeLimit(.minutes(3))) func `the benchmarks of the ingest and of a fleet send all batches and print their figures`() throws {
        let scripts = Self.deploy + "/../Benchmarks"
        let bin = RunningProgram.binaries
        let ingest = try RunningProgram.run(
            program: "/bin/bash", ["\(scripts)/ingest.sh", "--bin", bin, "--rows", "10", "--batches", "3", "--connections", "4", "--devices", "4"],
            environment: [:])
        #expect(ingest.code == 0 && ingest.output.contains("batches=12 refused=0"), "\(ingest)")
        #expect(ingest.output.contains("observations derived") && ingest.output.contains("bytes a reading"), "\(ingest)")
        let fleet = try RunningProgram.run(
            program: "/usr/bin/env", ["python3", "\(scripts)/fleet.py", "--bin", bin, "--devices", "100", "--batches", "4"], environment: [:])
        #expect(fleet.code == 0 && fleet.output.contains("batches=200 refused=0"), "\(fleet)")
        for figure in ["MB a device-year", "processor time", "pages of 100 devices with a text in their name: p50"] {
            #expect(fleet.output.contains(figure), "\(figure)")
        }
    }

    @Test(.timeLimit(.minutes(1)), arguments: [[], ["ingest"], ["forecast", "--release"], ["forecast", "--rounds", "none"], ["guess"]])
    func `wrong use prints the usage`(arguments: [String]) throws {
        let result = try RunningProgram.run("vaho-bench", arguments, environment: [:])
        #expect(result.code == 2 && result.errors.contains("usage: vaho-bench"), "\(arguments): \(result)")
    }

    @Test func `the benchmark of the watch counts false alarms and injected faults`() throws {
        let result = try RunningProgram.run(
            "vaho-bench", ["watch", "--data", Self.deploy + "/demo", "--peers", "airport,attic,bathroom", "--every", "30"], environment: [:])
        #expect(result.code == 0, "\(result.errors)")
        let lines = try result.output.split(separator: "\n").map { try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any] }
        #expect(lines.count == 7 && lines.first??["clean"] != nil && lines.dropFirst().allSatisfy { $0?["fault"] != nil })
        // 70 days are too short for the watch: no fault is injected, and nothing is found.
        #expect(lines.dropFirst().allSatisfy { $0?["injected"] as? Int == 0 })
    }
}

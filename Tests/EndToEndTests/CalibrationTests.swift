import Foundation
import Testing

@Suite struct CalibrationTests {
    private let recording =
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path
        + "/deploy/demo/airport.csv"

    @Test(.timeLimit(.minutes(2))) func `a calibration changes the observations on edge and cloud, and an undo restores them`() async throws {
        let cloud = Cloud()
        try await cloud.start()
        _ = try cloud.add("airport")
        let whole = try String(contentsOfFile: recording, encoding: .utf8)
        let part = "\(cloud.folder)/part.csv"
        try whole.split(separator: "\n").prefix(301).joined(separator: "\n").write(toFile: part, atomically: true, encoding: .utf8)
        var environment = cloud.edgeEnvironment("airport")
        environment["VAHO_SENSOR_AIR"] = "replay:\(part)"
        environment["VAHO_RETENTION_DAYS"] = "3650"
        let edge = try RunningProgram("vaho-edge", ["run", "--speed", "1000000"], environment: environment, folder: cloud.folder)
        func calibrate(_ words: String...) throws -> (code: Int32, output: String, errors: String) {
            try RunningProgram.run("vaho-edge", ["calibrate"] + words, environment: environment)
        }
        /// The sums of all observations, in thousandths.
        func sums() throws -> (edge: Int64, cloud: Int64) {
            let here = try? RunningProgram.sqlite("\(cloud.folder)/airport/state/readings.sqlite", "SELECT SUM(humidity_mpct) FROM observation")
            let there = try? RunningProgram.sqlite("\(cloud.folder)/cloud/archive.sqlite", "SELECT SUM(humidity_sum_mpct) FROM observation_bin")
            return (here.flatMap { Int64($0) } ?? 0, there.flatMap { Int64($0) } ?? 0)
        }
        func settled(_ what: String, _ isRight: @escaping (Int64) -> Bool) async throws -> Int64 {
            try await seen(what) {
                let (edge, cloud) = try sums()
                return edge == cloud && isRight(edge) ? edge : nil
            }
        }
        _ = try await seen("all readings in the cloud") { try await cloud.metric("vaho_readings_total") == 300 ? true : nil }
        _ = try await seen("all observations on the edge") {
            (try? RunningProgram.sqlite("\(cloud.folder)/airport/state/readings.sqlite", "SELECT COUNT(*) FROM observation")) == "300" ? true : nil
        }
        let said = try await settled("the same sum on both sides") { $0 > 0 }

        #expect(try calibrate("air", "--gain", "0.9", "--since", "2000-01-01T00:00:00Z").code == 0)
        let calibrated = try await settled("nine tenths of the sum on both sides") { abs(Double($0) / Double(said) - 0.9) < 0.000_1 }
        #expect(calibrated != said)
        // A second, wrong calibration and its undo. It reaches further back than the first, which stays in force.
        #expect(try calibrate("air", "--two-point", "10:35,60:75", "--since", "1999-01-01T00:00:00Z").code == 0)
        _ = try await settled("a larger sum on both sides") { $0 > said }
        let undone = try calibrate("air", "--undo")
        #expect(undone.code == 0 && undone.output.contains("0.9"))
        #expect(try await settled("the sum before the second calibration") { $0 == calibrated } == calibrated)
        #expect(try calibrate("air", "--format", "csv").output.split(separator: "\n").count == 2)
        edge.signal(SIGTERM)
        #expect(try await edge.exitCode() == 0)
        // A restart applies the calibration without logging it again.
        let again = try RunningProgram("vaho-edge", ["run", "--speed", "1000000"], environment: environment, folder: cloud.folder)
        _ = try await again.port()
        #expect(try sums().edge == calibrated)
        #expect(!again.log.contains("calibration applied"))
        again.signal(SIGTERM)
        #expect(try await again.exitCode() == 0)
        #expect(try cloud.run("rebuild").code == 0)
        #expect(try sums().cloud == calibrated)
        #expect(try await cloud.stop() == 0)
    }

    @Test(arguments: [
        (["crypt", "--gain", "3"], "a gain is 0.5 to 2"), (["crypt", "--two-point", "30:31"], "two pairs"),
        (["crypt", "--undo"], "no calibration to undo"),
        (["crypt", "--two-point", "30:mgcl,70:nacl"], "a salt at 25 °C"), (["crypt", "--offset", "much"], "expected a number"),
        (["crypt", "--gain", "1.1", "--since", "2199-01-01T00:00:00Z"], "in the past"), (["cripta", "--gain", "1.1"], "there are crypt"),
        (["crypt", "--two-point", "50:50,52:55"], "less than 10 % apart"), (["crypt", "--undo", "--gain", "1"], "do not go together"),
    ])
    func `an invalid calibration is refused with the expected form`(words: [String], message: String) throws {
        let folder = FileManager.default.temporaryDirectory.path + "/vaho-e2e-\(UInt64.random(in: 0...(.max)))"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let wrong = try RunningProgram.run(
            "vaho-edge", ["calibrate"] + words, environment: ["VAHO_STATE_DIR": folder, "VAHO_SENSOR_CRYPT": "simulated"])
        #expect(wrong.code == 2 && wrong.errors.contains(message), "\(wrong.errors)")
        #expect(!FileManager.default.fileExists(atPath: folder + "/sensor-notes"))
    }
}

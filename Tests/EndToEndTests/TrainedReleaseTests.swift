import Foundation
import Testing

/// Trains a release on recordings and backtests the release, with the commands in cloud/running.md.
@Suite struct TrainedReleaseTests {
    private static let deploy = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/../../deploy"
    private let folder = FileManager.default.temporaryDirectory.path + "/vaho-trained-\(UInt64.random(in: 0...(.max)))"

    private func cloud(_ arguments: String..., environment: [String: String] = [:]) throws -> (code: Int32, output: String, errors: String) {
        try RunningProgram.run("vaho-cloud", arguments, environment: environment)
    }

    @Test(.timeLimit(.minutes(5)))
    func `training on recordings gives the same bytes each time, and the release forecasts, also for a young device`() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let (first, second) = ("\(folder)/first.vaho", "\(folder)/second.vaho")
        for out in [first, second] {
            let trained = try cloud("train", "--data", Self.deploy + "/demo", "--without", "attic", "--out", out)
            #expect(trained.code == 0, "\(trained.errors)")
        }
        let bytes = try Data(contentsOf: URL(fileURLWithPath: first))
        #expect(bytes.count <= 128 * 1024)
        #expect(try Data(contentsOf: URL(fileURLWithPath: second)) == bytes)

        // An hourly series and a fine one, each near its end.
        let origins = "\(folder)/origins.csv", out = "\(folder)/out.csv"
        try "series,origin_time\nattic,2011-06-10T00:00:00Z\nbathroom,2016-03-10T12:00:00Z\n".write(
            toFile: origins, atomically: true, encoding: .utf8)
        let shipped = ["VAHO_PRETRAINED_FILE": Self.deploy + "/pretrained.vaho"]
        var found: Set<String> = []
        for method in [["--release", first], ["--pretrained"], ["--local"], ["--pretrained", "--history", "7d"]] {
            let arguments = ["backtest", "--data", Self.deploy + "/demo", "--origins", origins, "--out", out] + method
            let made = try RunningProgram.run("vaho-cloud", arguments, environment: shipped)
            #expect(made.code == 0, "\(method): \(made.errors)")
            let text = try String(contentsOfFile: out, encoding: .utf8)
            #expect(text.split(separator: "\n").count == 1 + 2 * 7, "\(method): \(text)")
            found.insert(text)
        }
        #expect(found.count == 4)  // each method gives another forecast
        let reported = try RunningProgram.run(
            "vaho-cloud",
            ["backtest", "--data", Self.deploy + "/demo", "--origins", origins, "--report", "--html", folder + "/report.html", "--pretrained"],
            environment: shipped)
        #expect(reported.code == 0 && reported.output.contains("weighted interval score") && reported.output.contains("bathroom"), "\(reported)")
        let page = try String(contentsOfFile: folder + "/report.html", encoding: .utf8)
        #expect(page.hasPrefix("<!DOCTYPE html>") && page.contains("attic") && page.contains("The shipped release"))
    }

    @Test(.timeLimit(.minutes(1))) func `wrong use and bad files give different exit codes, and nothing is written`() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let origins = "\(folder)/origins.csv", out = "\(folder)/out.csv"
        try "series,origin_time\nattic,2011-06-10T00:00:00Z\n".write(toFile: origins, atomically: true, encoding: .utf8)
        try Data(repeating: 7, count: 5_000).write(to: URL(fileURLWithPath: folder + "/bad.vaho"))
        try "time,humidity_pct\n2020-01-01T00:00:00Z,wet\n".write(toFile: folder + "/wet.csv", atomically: true, encoding: .utf8)
        let data = Self.deploy + "/demo"
        let cases: [(arguments: [String], code: Int32, words: String)] = [
            (["backtest", "--data", data, "--origins", origins, "--out", out, "--local", "--pretrained"], 2, "--local and --pretrained"),
            (["backtest", "--data", data, "--origins", origins, "--out", out, "--history", "soon"], 2, "--history=soon: expected a duration"),
            (
                ["backtest", "--data", data, "--origins", origins, "--out", out, "--release", folder + "/bad.vaho"], 1,
                "bad.vaho: the release's format"
            ),
            (["backtest", "--data", data, "--origins", origins, "--out", out, "--pretrained"], 1, "VAHO_PRETRAINED_FILE"),
            (["backtest", "--data", data, "--origins", origins], 2, "--out, --report or --html is missing"),
            (["train", "--data", data], 2, "--out is missing"),
            (["train", "--data", data, "--out", out, "--without", "mars"], 1, "mars.csv: the file does not exist and cannot be left out"),
            (["train", "--data", folder, "--out", out, "--without", "origins"], 1, "wet.csv: line 2"),
        ]
        for (arguments, code, words) in cases {
            let result = try RunningProgram.run("vaho-cloud", arguments, environment: [:])
            #expect(result.code == code && result.errors.contains(words), "\(arguments): \(result.code) \(result.errors)")
        }
        #expect(!FileManager.default.fileExists(atPath: out))
    }
}

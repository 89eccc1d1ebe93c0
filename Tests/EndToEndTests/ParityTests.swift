import Foundation
import HTTPClient
import Testing

/// The same inputs give the same digits on edge and cloud, and on different processors: the C library chooses its `exp` and `memcpy` by the
/// instructions that the processor has.
@Suite struct ParityTests {
    private static let deploy = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/../../deploy"
    private static let oldProcessor = ["GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-AVX512BW,-AVX2,-AVX,-FMA,-FMA4,-BMI2,-SSE4_2,-ERMS"]
    private let folder = FileManager.default.temporaryDirectory.path + "/vaho-parity-\(UInt64.random(in: 0...(.max)))"

    private static let shipped = ["VAHO_PRETRAINED_FILE": deploy + "/pretrained.vaho"]

    /// The last forecast of a device after a whole recording, without its issue time.
    private func forecast(_ name: String, recording: String, until last: Substring, _ processor: [String: String]) async throws -> [String: Any] {
        let environment = [
            "VAHO_DEVICE_ID": name, "VAHO_STATE_DIR": "\(folder)/\(name)", "VAHO_LISTEN": "127.0.0.1:0",
            "VAHO_SENSOR_AIR": "replay:\(folder)/\(recording).csv",
        ]
        .merging(Self.shipped) { $1 }.merging(processor) { $1 }
        let edge = try RunningProgram("vaho-edge", ["run", "--speed", "150000"], environment: environment, folder: folder)
        let port = try await edge.port()
        let client = HTTPClient(settings: HTTPClient.Settings(userAgent: "parity"))
        var found = try await seen("the last forecast", within: 150) { () -> [String: Any]? in
            // An unoptimised build barely keeps up with this speed and may answer late.
            let answer = try? await client.send(HTTPClient.Request(method: "GET", url: "http://127.0.0.1:\(port)/v1/forecast"))
            let json = try JSONSerialization.jsonObject(with: Data(answer?.body ?? Array("{}".utf8))) as? [String: Any]
            return json?["origin"] as? String == String(last) ? json : nil
        }
        edge.signal(SIGTERM)
        #expect(try await edge.exitCode() == 0)
        // These two depend on the clock: the replay goes on while the answer is waited for.
        found["issued_at"] = nil
        found["outlook"] = nil
        return found
    }

    @Test(.timeLimit(.minutes(5)), arguments: [("attic", 1_200), ("bathroom", 1_500)])
    func `a device's forecast has the same digits on both processors and in the cloud's backtest`(recording: String, rows: Int) async throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let text = try String(contentsOfFile: "\(Self.deploy)/demo/\(recording).csv", encoding: .utf8)
        let kept = text.split(separator: "\n").prefix(1 + rows)
        try (kept.joined(separator: "\n") + "\n").write(toFile: "\(folder)/\(recording).csv", atomically: true, encoding: .utf8)
        let last = try #require(kept.last?.split(separator: ",").first)
        let new = try await forecast("new", recording: recording, until: last, [:])
        let old = try await forecast("old", recording: recording, until: last, Self.oldProcessor)
        #expect(new["method"] as? String == "network")
        #expect(NSDictionary(dictionary: new) == NSDictionary(dictionary: old))

        let (origins, out) = ("\(folder)/origins.csv", "\(folder)/out.csv")
        try "series,origin_time\n\(recording),\(last)\n".write(toFile: origins, atomically: true, encoding: .utf8)
        var lines: Set<String> = []
        for processor in [[:], Self.oldProcessor] {
            let arguments = ["backtest", "--pretrained", "--data", folder, "--origins", origins, "--out", out]
            let made = try RunningProgram.run("vaho-cloud", arguments, environment: Self.shipped.merging(processor) { $1 })
            #expect(made.code == 0, "\(made.errors)")
            lines.insert(try String(contentsOfFile: out, encoding: .utf8))
        }
        let predicted = try #require(lines.count == 1 ? lines.first : nil)
        let leadTimes = try #require(new["lead_time_s"] as? [Int]), humidity = try #require(new["humidity_pct"] as? [[Double]])
        var compared = 0
        for line in predicted.split(separator: "\n").dropFirst() {
            let fields = line.split(separator: ",")
            let seconds = try #require(Int(fields[2]))
            let lead = try #require(leadTimes.firstIndex(of: seconds))
            for (field, level) in [(3, 1), (4, 3), (5, 5)] {
                let cloud = try #require(Double(fields[field]))
                #expect((humidity[lead][level] - cloud).magnitude < 0.00501, "\(line)")  // a device reports hundredths
                compared += 1
            }
        }
        #expect(compared == 21)
    }

    /// Without this test, the tests above could compare two runs on the same processor.
    @Test func `the setting disables processor instructions`() throws {
        #if arch(x86_64)
            func active(_ environment: [String: String]) throws -> [Substring] {
                let process = Process()
                let output = Pipe()
                process.executableURL = URL(fileURLWithPath: "/lib64/ld-linux-x86-64.so.2")
                process.arguments = ["--list-diagnostics"]
                process.environment = environment
                process.standardOutput = output
                try process.run()
                let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
                process.waitUntilExit()
                return text.split(separator: "\n").filter { $0.contains(".active[") }
            }
            let all = try active([:])
            #expect(!all.isEmpty)
            #expect(try active(Self.oldProcessor) != all)
        #endif
    }

    @Test(.timeLimit(.minutes(5))) func `training makes the same release on both processors`() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        var releases: Set<Data> = []
        for processor in [[:], Self.oldProcessor] {
            let arguments = ["train", "--data", Self.deploy + "/demo", "--without", "attic,bathroom", "--out", folder + "/made.vaho"]
            let trained = try RunningProgram.run("vaho-cloud", arguments, environment: processor)
            #expect(trained.code == 0, "\(trained.errors)")
            releases.insert(try Data(contentsOf: URL(fileURLWithPath: folder + "/made.vaho")))
        }
        #expect(releases.count == 1)
    }
}

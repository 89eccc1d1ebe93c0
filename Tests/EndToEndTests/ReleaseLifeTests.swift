import Forecasting
import Foundation
import Measures
import Releases
import Signing
import Testing
import Text
import TrustedReleases
import Wire

/// A release in life, with the real programs: a device notices by its own errors that the release is bad, goes back, and the cloud takes it from all devices.
@Suite(.serialized) struct ReleaseLifeTests {
    private static let shipped = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/../../deploy/pretrained.vaho"
    private static let demo = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/../../deploy/demo"

    /// The shipped network with medians that are too high by the given number of deviations, signed with the key of the cloud.
    private func poisoned(by deviations: Float, cloud: Cloud, counter: UInt64) throws -> [UInt8] {
        let shipped = try ReleaseTrust.shipped.open(Array(Data(contentsOf: URL(fileURLWithPath: Self.shipped))))
        var network = shipped.network
        for knot in 0..<Network.Shape.knots {
            let place = knot * Network.Shape.levels + ForecastShape.medianLevel
            network.parameters[network.shape.outputBias + place / 16][place % 16] += deviations
        }
        var header = shipped.header
        (header.counter, header.modelID) = (counter, "poisoned")
        let seed = try String(contentsOfFile: "\(cloud.folder)/cloud/release-signing.key", encoding: .utf8).trimmingCharacters(
            in: .whitespacesAndNewlines)
        let key = try PrivateKey(seed: #require(Hexadecimal.bytes(seed)))
        return try ReleaseFile.bytes(of: Release(header: header, network: network), sha256: { SHA256.digest($0) }) { message in
            [ReleaseFile.Signature(keyID: key.publicKey.id, signature: try key.signature(of: message))]
        }
    }

    @Test(.timeLimit(.minutes(4)))
    func `a device gives a bad release up by its own errors, and the cloud blocks it and takes it back`() async throws {
        let cloud = Cloud()
        try await cloud.start(["VAHO_PRETRAINED_FILE": Self.shipped, "VAHO_TRAIN_CHECK_SECONDS": "86400"])
        _ = try cloud.add("bathroom")
        let bad = try poisoned(by: 3, cloud: cloud, counter: UInt64(Date().timeIntervalSince1970))
        let file = cloud.folder + "/bad.vaho"
        try Data(bad.dropLast(100)).write(to: URL(fileURLWithPath: file))
        let short = try cloud.run("models", "import", file)
        #expect(short.code == 1 && short.errors.contains("bytes announced"), "\(short.errors)")
        try Data(bad).write(to: URL(fileURLWithPath: file))
        let imported = try cloud.run("models", "import", file)
        #expect(imported.code == 0, "\(imported.errors)")
        let second = try cloud.run("models", "import", file)
        #expect(second.code == 1 && second.errors.contains("not above"))
        let counter = try #require(imported.output.split(separator: " ").first { UInt64($0) != nil }.map(String.init))

        var environment = cloud.edgeEnvironment("bathroom")
        environment["VAHO_SENSOR_AIR"] = "replay:\(Self.demo)/bathroom.csv"
        environment["VAHO_PRETRAINED_FILE"] = Self.shipped
        let edge = try RunningProgram("vaho-edge", ["run", "--speed", "100000"], environment: environment, folder: cloud.folder)
        _ = try await seen("the device's report") { try await cloud.device("bathroom")["release"] as? [String: Any] }
        let started = try cloud.run("rollout", "start", counter, "--reason", "trial")
        #expect(started.code == 0 && started.output.contains("given to all devices"), "\(started.output) \(started.errors)")
        _ = try await seen("the release in use", within: 60) { edge.log.contains("release accepted counter=\(counter)") ? true : nil }
        _ = try await seen("the release given up", within: 120) { edge.log.contains("release rejected") ? true : nil }
        #expect(edge.log.contains("reason=live_error"), "\(edge.log.suffix(2_000))")

        _ = try await seen("the champion taken back", within: 30) { cloud.log.contains("champion rolled back release=\(counter)") ? true : nil }
        let list = try cloud.run("models", "list", "--format", "json")
        let releases = try #require(try JSONSerialization.jsonObject(with: Data(list.output.utf8)) as? [[String: Any]])
        let blocked = releases.first { "\($0["counter"] ?? "")" == counter }
        let reason = "\(blocked?["blocked"] ?? "")"
        #expect(reason.contains("rejected the release"), "\(releases)")
        let champion = try #require(releases.first { "\($0["alias"] ?? "")".contains("champion") })
        _ = try await seen("the shipped network as a release of the fleet", within: 60) {
            edge.log.contains("release accepted counter=\(champion["counter"] ?? "")") ? true : nil
        }
        edge.signal(SIGTERM)
        _ = try await edge.exitCode()
        let shown = try RunningProgram.run("vaho-edge", ["model", "show", "--format", "csv"], environment: environment)
        #expect(shown.code == 0 && shown.output.contains("rejected") && shown.output.contains("live_error"), "\(shown.output) \(shown.errors)")
        let rollout = try cloud.run("rollout", "show")
        #expect(rollout.output.contains("rejected the release"), "\(rollout.output)")
        let again = try cloud.run("rollout", "start", counter)
        #expect(again.code == 1 && again.errors.contains("is blocked"))
        #expect(try await cloud.stop() == 0)
    }

    /// A library that kills the program at the n-th change of a release file.
    private func killer(in folder: String) throws -> String {
        let paths = (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin").split(separator: ":")
        let compiler = try #require(
            paths.flatMap { ["\($0)/clang", "\($0)/cc"] }.first { FileManager.default.isExecutableFile(atPath: $0) }, "a C compiler")
        let source = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/../faults/kill_at.c"
        let library = folder + "/kill_at.so"
        let built = try RunningProgram.run(
            program: compiler, ["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", library, source, "-ldl"], environment: [:])
        try #require(built.code == 0, "\(built.errors)")
        return library
    }

    @Test(.timeLimit(.minutes(5)))
    func `an edge killed at any write of a release switch runs the old or the new release, and then the new one`() async throws {
        let cloud = Cloud()
        try await cloud.start(["VAHO_PRETRAINED_FILE": Self.shipped, "VAHO_TRAIN_CHECK_SECONDS": "86400"])
        let library = try killer(in: cloud.folder)
        _ = try cloud.add("attic")
        let file = cloud.folder + "/next.vaho"
        try Data(poisoned(by: 0.01, cloud: cloud, counter: UInt64(Date().timeIntervalSince1970))).write(to: URL(fileURLWithPath: file))
        let imported = try cloud.run("models", "import", file)
        let counter = try #require(imported.output.split(separator: " ").first { UInt64($0) != nil }.map(String.init))
        #expect(try cloud.run("rollout", "start", counter).code == 0)

        var environment = cloud.edgeEnvironment("attic")
        environment["VAHO_SENSOR_AIR"] = "simulated"
        environment["VAHO_PRETRAINED_FILE"] = Self.shipped
        let state = cloud.folder + "/attic/state"
        var points: [String] = []
        while true {
            try? FileManager.default.removeItem(atPath: state)
            var killed = environment
            (killed["LD_PRELOAD"], killed["KILL_AT"], killed["KILL_AT_LOG"]) = (library, String(points.count + 1), cloud.folder + "/point")
            let edge = try RunningProgram("vaho-edge", ["run"], environment: killed, folder: cloud.folder)
            let isKilled = try await seen("point \(points.count + 1), or the release in use", within: 60) {
                edge.isRunning ? edge.log.contains("release accepted counter=\(counter)") ? false : nil : true
            }
            guard isKilled else {
                edge.signal(SIGKILL)
                _ = try? await edge.exitCode()
                break
            }
            points.append(try String(contentsOfFile: cloud.folder + "/point", encoding: .utf8))
            let shown = try RunningProgram.run("vaho-edge", ["model", "show", "--format", "csv"], environment: environment)
            let inUse = shown.output.split(separator: "\n").first { $0.hasPrefix("counter,") }.map { String($0.dropFirst(8)) }
            #expect(shown.code == 0 && (inUse == "0" || inUse == counter), "killed at \(points.last ?? ""): \(shown.output) \(shown.errors)")
            let again = try RunningProgram("vaho-edge", ["run"], environment: environment, folder: cloud.folder)
            _ = try await seen("the new release after \(points.last ?? "")", within: 60) {
                again.log.contains("release in use counter=\(counter)") ? true : nil
            }
            again.signal(SIGTERM)
            #expect(try await again.exitCode() == 0)
            let files = try FileManager.default.contentsOfDirectory(atPath: state).filter { $0.hasPrefix("release-") && $0.hasSuffix(".vaho") }
            #expect(files.count == 1, "killed at \(points.last ?? ""): \(files)")
        }
        #expect(
            points.contains { $0.hasPrefix("rename release-slots") } && points.contains { $0.hasPrefix("rename release-") && $0.hasSuffix(".vaho") })
        #expect(points.count >= 8, "\(points)")
        #expect(try await cloud.stop() == 0)
    }
}

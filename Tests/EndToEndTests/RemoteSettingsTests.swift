import Foundation
import Testing
import TrustedReleases

/// Settings from the cloud, and SIGHUP, with both programs running.
@Suite struct RemoteSettingsTests {
    private struct Programs {
        let cloud = Cloud()

        func command(_ arguments: String..., code: Int32 = 0) throws -> String {
            let result = try RunningProgram.run("vaho-cloud", arguments, environment: cloud.environment)
            #expect(result.code == code, "\(arguments): \(result.output) \(result.errors)")
            return result.output + result.errors
        }

        /// An edge with a configuration file that the test may change.
        func edge(_ settings: [String]) throws -> (program: RunningProgram, file: String) {
            let file = "\(cloud.folder)/vaho.conf"
            try (settings.joined(separator: "\n") + "\n").write(toFile: file, atomically: true, encoding: .utf8)
            var environment = cloud.edgeEnvironment("attic")
            environment["VAHO_PRETRAINED_FILE"] = "none"
            return (try RunningProgram("vaho-edge", ["run", "--config", file], environment: environment, folder: cloud.folder), file)
        }

        func state() async throws -> String? { try await cloud.json("/v1/devices/attic/settings")["state"] as? String }
    }

    private static let configuration = ["VAHO_SENSOR_AIR=simulated", "VAHO_SAMPLE_PERIOD_SECONDS=2", "VAHO_COMMIT_PERIOD_SECONDS=1"]

    @Test(.timeLimit(.minutes(2)))
    func `a device takes settings from the cloud, refuses those that do not fit, and reports whether it has applied or refused them`() async throws {
        let programs = Programs()
        let cloud = programs.cloud
        try await cloud.start()
        _ = try cloud.add("attic")
        #expect(try programs.command("device", "settings", "attic").contains("the cloud has no settings for attic"))
        #expect(
            try programs.command("device", "settings", "attic", "VAHO_SENSOR_AIR=command:/bin/sh", code: 2).contains("cannot be set from the cloud"))
        let (edge, _) = try programs.edge(Self.configuration)
        _ = try await seen("a report of the device") { try await cloud.metric("vaho_readings_total") > 0 ? true : nil }

        #expect(
            try programs.command(
                "device", "settings", "attic", "VAHO_RULE_DAMP=humidity above 1 %", "VAHO_PLACE_AIR=Depot 2", "VAHO_CALIBRATION_AIR=1 2.5"
            )
            .contains("attic fetches the settings after its next batch"))
        _ = try await seen("the settings on the device") { try await programs.state() == "applied" ? true : nil }
        #expect(edge.log.contains("settings from the cloud accepted") && edge.log.contains("configuration reloaded"))
        _ = try await seen("the alarm of the new rule") { try await (cloud.device("attic")["alerts"] as? [Any])?.isEmpty == false ? true : nil }
        _ = try await seen("the new place") {
            let sensors = try await cloud.device("attic")["sensors"] as? [[String: Any]]
            return sensors?.first?["place"] as? String == "Depot 2" ? true : nil
        }
        let before = try await cloud.metric("vaho_readings_total")
        _ = try await seen("readings with the new settings") { try await cloud.metric("vaho_readings_total") > before ? true : nil }
        let environment = cloud.edgeEnvironment("attic").merging(["VAHO_SENSOR_AIR": "simulated"]) { $1 }
        #expect(try RunningProgram.run("vaho-edge", ["calibrate", "air", "--format", "csv"], environment: environment).output.contains("2.5"))

        #expect(try programs.command("device", "settings", "attic", "VAHO_RULE_COLD=humidity of cellar above 1 %").contains("after its next batch"))
        _ = try await seen("the refusal") { try await programs.state() == "refused" ? true : nil }
        #expect(try programs.command("device", "settings", "attic").contains("attic has refused the settings: "))
        #expect(try await cloud.device("attic")["state"] as? String == "ok", "the device goes on with its earlier settings")
        #expect(try programs.command("device", "settings", "attic", "VAHO_RULE_COLD=", "VAHO_RULE_DAMP=").contains("VAHO_PLACE_AIR"))
        _ = try await seen("the corrected settings") { try await programs.state() == "applied" ? true : nil }
        #expect(try programs.command("audit", "--format", "csv").contains("settings changed,attic"))

        edge.signal(SIGTERM)
        #expect(try await edge.exitCode() == 0)
        #expect(try await cloud.stop() == 0)
    }

    @Test(.timeLimit(.minutes(2))) func `SIGHUP reloads the edge's configuration, and an invalid configuration is logged and not used`() async throws
    {
        let programs = Programs()
        let cloud = programs.cloud
        try await cloud.start()
        _ = try cloud.add("attic")
        let (edge, file) = try programs.edge(Self.configuration)
        _ = try await seen("the first reading") { try await cloud.metric("vaho_readings_total") > 0 ? true : nil }
        try (Self.configuration + ["VAHO_SENSOR_CELLAR=simulated"]).joined(separator: "\n").write(toFile: file, atomically: true, encoding: .utf8)
        edge.signal(SIGHUP)
        _ = try await seen("the second sensor") { (try await cloud.device("attic")["sensors"] as? [Any])?.count == 2 ? true : nil }
        try "VAHO_SENSOR_AIR=simulated\nVAHO_SAMPLE_PERIOD_SECONDS=never\n".write(toFile: file, atomically: true, encoding: .utf8)
        edge.signal(SIGHUP)
        _ = try await seen("the problem in the log") {
            edge.log.contains("configuration invalid") && edge.log.contains("VAHO_SAMPLE_PERIOD_SECONDS=never") ? true : nil
        }
        let before = try await cloud.metric("vaho_readings_total")
        _ = try await seen("readings with the earlier configuration") { try await cloud.metric("vaho_readings_total") > before ? true : nil }
        #expect((try await cloud.device("attic")["sensors"] as? [Any])?.count == 2)
        edge.signal(SIGTERM)
        #expect(try await edge.exitCode() == 0)
        #expect(try await cloud.stop() == 0)
    }
}

import Foundation
import Testing

/// The commands of cloud/devices.md, with both programs running.
@Suite struct DeviceCommandTests {
    @Test(.timeLimit(.minutes(2))) func `an edge goes on delivering after its device is renamed, and is refused after the device is deleted`()
        async throws
    {
        let cloud = Cloud()
        func command(_ arguments: String..., code: Int32 = 0) throws -> String {
            let result = try RunningProgram.run("vaho-cloud", arguments, environment: cloud.environment)
            #expect(result.code == code, "\(arguments): \(result.output) \(result.errors)")
            return result.output + result.errors
        }
        try await cloud.start()
        let list = "\(cloud.folder)/devices.csv"
        try "name,tags,place\nattic,museum,Depot 2\nvault,,\n".write(toFile: list, atomically: true, encoding: .utf8)
        let codes = try command("device", "enrol", list, "--expires", "7d").split(separator: "\n").map { $0.split(separator: ",") }
        #expect(codes.map { $0[0] } == ["name", "attic", "vault"])
        #expect(try command("device", "enrol", list, code: 1).contains("the device attic already exists"))
        var environment = cloud.edgeEnvironment("attic")
        environment.merge([
            "VAHO_PRETRAINED_FILE": "none", "VAHO_SENSOR_AIR": "simulated", "VAHO_SAMPLE_PERIOD_SECONDS": "1", "VAHO_COMMIT_PERIOD_SECONDS": "1",
        ]) {
            $1
        }
        for name in ["VAHO_TOKEN_FILE", "VAHO_RELEASE_KEY_FILE", "VAHO_CLOUD_URL"] { environment[name] = nil }
        let enrolled = try RunningProgram.run(
            "vaho-edge", ["enrol", "http://127.0.0.1:\(cloud.port)", String(codes[1][1])], environment: environment)
        #expect(enrolled.code == 0, "\(enrolled.errors)")
        let edge = try RunningProgram("vaho-edge", ["run"], environment: environment, folder: cloud.folder)
        _ = try await seen("the first readings") { try await cloud.metric("vaho_readings_total") > 2 ? true : nil }

        #expect(try command("device", "rename", "attic", "loft") == "attic is now loft\n")
        let before = try await cloud.metric("vaho_readings_total")
        _ = try await seen("readings under the new name") { try await cloud.metric("vaho_readings_total") > before + 2 ? true : nil }
        #expect(try await cloud.device("loft")["state"] as? String == "ok")
        #expect(try await cloud.device("attic").isEmpty)
        #expect(try command("device", "add", "attic", code: 1).contains("attic is a former name of the device loft"))
        #expect(try command("device", "move", "loft", "Main house", "--reason", "new roof") == "loft is at Main house\n")
        #expect(try await cloud.json("/v1/devices?text=main%20house")["devices"] as? [Any] != nil)

        #expect(try command("device", "delete", "loft", code: 2).contains("confirm it with --confirm loft"))
        #expect(try command("device", "delete", "attic", "--confirm", "attic", code: 1).contains("there is no device attic"))
        #expect(try command("device", "delete", "loft", "--confirm", "loft").contains("loft is deleted"))
        _ = try await seen("the refusal in the edge's log") { edge.log.contains("this token is not known") ? true : nil }
        #expect(try await cloud.device("loft").isEmpty)
        #expect(try await cloud.device("vault")["id"] as? String == "vault", "the other device stays")
        #expect(try command("device", "list").contains("vault"))
        let audit = try command("audit", "--format", "csv")
        for entry in ["device renamed,loft", "device moved,loft", "device deleted,loft"] { #expect(audit.contains(entry), "\(entry) in \(audit)") }
        edge.signal(SIGTERM)
        #expect(try await edge.exitCode() == 0)
        #expect(try await cloud.stop() == 0)
    }
}

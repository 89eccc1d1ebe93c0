import Foundation
import HTTPServer
import Synchronization
import Testing
import Wire

/// The keys of a fleet, changed with the real programs and the commands of cloud/keys.md.
@Suite(.serialized) struct KeyRotationTests {
    private static let shipped = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/../../deploy/pretrained.vaho"

    fileprivate struct Programs {
        let cloud = Cloud()

        @discardableResult
        func command(_ arguments: String..., code: Int32 = 0) throws -> String {
            let result = try RunningProgram.run("vaho-cloud", arguments, environment: cloud.environment)
            #expect(result.code == code, "\(arguments): \(result.output) \(result.errors)")
            return result.output + result.errors
        }

        func keys() throws -> [[String: String]] {
            let data = Data(try command("keys", "list", "--format", "json").utf8)
            return try #require(try JSONSerialization.jsonObject(with: data) as? [[String: String]])
        }

        /// Rolls a release out to all devices. A device can report the release at once, which completes the rollout: so one step is enough.
        func rollOut(_ release: String) throws {
            try command("rollout", "start", release, "--steps", "100:0")
        }

        /// Signs the shipped network with the given key file and stores it. Returns its counter.
        func importRelease(signedBy keyFile: String) async throws -> String {
            let file = "\(cloud.folder)/release.vaho"
            // The counter is the time in seconds: two releases of one second have the same counter.
            return try await seen("a release with a higher counter") {
                try command("models", "sign", KeyRotationTests.shipped, "--key", keyFile, "--out", file)
                let result = try cloud.run("models", "import", file)
                return result.code == 0 ? result.output.split(separator: " ").first { UInt64($0) != nil }.map(String.init) : nil
            }
        }

        func edge(_ name: String) throws -> (program: RunningProgram, environment: [String: String]) {
            var environment = cloud.edgeEnvironment(name)
            environment.merge(["VAHO_PRETRAINED_FILE": "none", "VAHO_SENSOR_AIR": "simulated", "VAHO_SAMPLE_PERIOD_SECONDS": "1"]) { $1 }
            return (try RunningProgram("vaho-edge", ["run"], environment: environment, folder: cloud.folder), environment)
        }
    }

    @Test(.timeLimit(.minutes(3))) func `a running device follows a rotation, and leaves a release of the revoked key`() async throws {
        let programs = Programs()
        let cloud = programs.cloud
        try await cloud.start(["VAHO_TRAIN_CHECK_SECONDS": "86400"])
        _ = try cloud.add("attic")
        let keyFile = "\(cloud.folder)/cloud/release-signing.key"
        let stolen = "\(cloud.folder)/stolen.key"
        try FileManager.default.copyItem(atPath: keyFile, toPath: stolen)
        let first = try await programs.importRelease(signedBy: keyFile)
        try programs.command("models", "promote", first)
        let (edge, environment) = try programs.edge("attic")
        _ = try await seen("the first release on the device") { edge.log.contains("release accepted counter=\(first)") ? true : nil }
        #expect(try programs.command("keys", "revoke", "zz", code: 1).contains("keys list shows the ids"))
        let only = try #require(try programs.keys().first?["id"])
        #expect(try programs.command("keys", "revoke", only, code: 1).contains("vaho-cloud keys rotate adds another one first"))

        #expect(try programs.command("keys", "rotate", "--reason", "every two years").contains("is published"))
        #expect(try programs.command("keys", "rotate", code: 1).contains("a rotation is in progress"))
        #expect(try programs.keys().map { $0["private_key"] } == ["in the key file", "in the key file"])
        let revoked = try programs.command("keys", "revoke", String(only.prefix(6)), "--reason", "stolen")
        #expect(revoked.contains("1 release is signed again"), "\(revoked)")
        #expect(try programs.keys().map { $0["use"] } == ["signs releases", "revoked"])

        // The cloud offers the champion with the new signature. The device fetches the key sets first, then the release.
        let champion = try #require(try programs.champion())
        #expect(champion != first)
        _ = try await seen("the champion with the new signature") { edge.log.contains("release accepted counter=\(champion)") ? true : nil }
        #expect(edge.log.contains("release keys changed serial="), "\(edge.log.suffix(2_000))")
        #expect(!edge.log.contains("stored release not usable"), "the device had a release all the time")
        #expect(try programs.command("models", "verify", code: 1).contains("release \(first): the release is not signed by a trusted key"))

        // The thief's release is refused by the cloud; and a device that has it already would leave it.
        let thief = "\(cloud.folder)/thief.vaho"
        try programs.command("models", "sign", Self.shipped, "--key", stolen, "--out", thief)
        #expect(try programs.command("models", "import", thief, code: 1).contains("not signed by a trusted key"))
        edge.signal(SIGTERM)
        #expect(try await edge.exitCode() == 0)
        let shown = try RunningProgram.run("vaho-edge", ["model", "show", "--format", "csv"], environment: environment)
        #expect(shown.output.contains("counter,\(champion)") && shown.output.contains("key set"), "\(shown.output) \(shown.errors)")
        #expect(!shown.output.contains(only), "the revoked key is not among the trusted keys")

        let restarted = try RunningProgram("vaho-edge", ["run"], environment: environment, folder: cloud.folder)
        _ = try await seen("the device's key set in the list") {
            try programs.command("keys", "list").contains("1 of 1 devices have it") ? true : nil
        }
        restarted.signal(SIGTERM)
        #expect(try await restarted.exitCode() == 0)
        #expect(try await cloud.stop() == 0)
    }

    @Test(.timeLimit(.minutes(3))) func `a server without private keys publishes what another machine has signed`() async throws {
        let programs = Programs()
        let cloud = programs.cloud
        let other = "\(cloud.folder)/other"
        try FileManager.default.createDirectory(atPath: "\(cloud.folder)/cloud", withIntermediateDirectories: true)
        try FileManager.default.createDirectory(atPath: other, withIntermediateDirectories: true)
        let signing = try programs.command("keys", "make", "\(other)/signing.key")
        #expect(signing.hasPrefix("public "))
        try signing.write(toFile: "\(cloud.folder)/cloud/release-signing.key", atomically: true, encoding: .utf8)
        try await cloud.start(["VAHO_TRAIN_CHECK_SECONDS": "86400"])
        _ = try cloud.add("attic")
        #expect(try programs.keys().map { $0["private_key"] } == ["elsewhere"])
        #expect(try programs.command("keys", "rotate", code: 1).contains("has no private key"))
        let first = try await programs.importRelease(signedBy: "\(other)/signing.key")
        try programs.rollOut(first)

        // A root key, then a second signing key.
        let set = "\(cloud.folder)/keys.txt"
        let root = try programs.command("keys", "make", "\(other)/root.key").split(whereSeparator: \.isWhitespace)[1]
        #expect(try programs.command("keys", "root", String(root), code: 1).contains("the private keys are on another machine: write"))
        try programs.command("keys", "root", String(root), "--out", set)
        try programs.command("keys", "sign", set, "--key", "\(other)/signing.key")
        #expect(try programs.command("keys", "import", set).contains("is published"))
        let second = try programs.command("keys", "make", "\(other)/second.key").split(whereSeparator: \.isWhitespace)[1]
        try programs.command("keys", "add", String(second), "--out", set)
        try programs.command("keys", "sign", set, "--key", "\(other)/signing.key")
        #expect(try programs.command("keys", "import", set, code: 1).contains("not signed by a root key"))
        try programs.command("keys", "sign", set, "--key", "\(other)/root.key")
        #expect(try programs.command("keys", "import", set).contains("is published"))
        #expect(try programs.command("keys", "import", set, code: 1).contains("is not above"))
        #expect(try programs.keys().map { $0["use"] } == ["signs releases", "signs releases", "root: signs key sets"])

        // A device that enrols now knows both keys, and takes a release of the second one.
        let (edge, _) = try programs.edge("attic")
        let later = try await programs.importRelease(signedBy: "\(other)/second.key")
        try programs.rollOut(later)
        _ = try await seen("the release of the second key") { edge.log.contains("release accepted counter=\(later)") ? true : nil }

        // The first key is revoked: the server goes on with the second one, also after a restart.
        let firstID = try #require(
            try programs.keys().first { $0["key"] == signing.split(whereSeparator: \.isWhitespace).last.map(String.init) }?["id"])
        try programs.command("keys", "revoke", firstID, "--out", set)
        try programs.command("keys", "sign", set, "--key", "\(other)/second.key")
        #expect(try programs.command("keys", "sign", set, "--key", "\(other)/root.key").contains("revoked        \(firstID)"))
        #expect(try programs.command("keys", "import", set).contains("is published"))
        #expect(try programs.command("keys", "revoke", firstID, code: 1).contains("is revoked already"))
        #expect(try String(contentsOfFile: "\(cloud.folder)/cloud/release-signing.key", encoding: .utf8) == "public \(second)\n")
        edge.signal(SIGTERM)
        #expect(try await edge.exitCode() == 0)
        #expect(try await cloud.stop() == 0)
        try await cloud.start(["VAHO_TRAIN_CHECK_SECONDS": "86400"])
        #expect(try await cloud.stop() == 0)
    }
}

extension KeyRotationTests.Programs {
    fileprivate func champion() throws -> String? {
        let data = Data(try command("models", "list", "--format", "json").utf8)
        let releases = try JSONSerialization.jsonObject(with: data) as? [[String: Any]]
        return releases?.first { "\($0["alias"] ?? "")".contains("champion") }.map { "\($0["counter"] ?? "")" }
    }
}

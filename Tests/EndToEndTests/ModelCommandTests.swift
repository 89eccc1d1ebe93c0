import Foundation
import HTTPClient
import HTTPServer
import Signing
import Synchronization
import Testing
import Text

/// The commands about runs, releases and snapshots, as in cloud/models.md, and programs that start runs.
@Suite(.serialized) struct ModelCommandTests {
    private static let deploy = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/../../deploy"
    private static let settings = [
        "VAHO_PRETRAINED_FILE": "none", "VAHO_TRAIN_CHECK_SECONDS": "86400", "VAHO_TRAIN_AFTER_DEVICE_DAYS": "1000000",
    ]

    /// The columns of a command's JSON, each as text.
    private func rows(_ output: String) throws -> [[String: String]] {
        let rows = try #require(try JSONSerialization.jsonObject(with: Data(output.utf8)) as? [[String: Any]])
        return rows.map { $0.compactMapValues { $0 is NSNull ? nil : "\($0)" } }
    }

    @Test(.timeLimit(.minutes(5))) func `an operator trains, compares, pins, rolls back and reproduces, and each change is in the history`()
        async throws
    {
        let cloud = Cloud()
        try await cloud.start(Self.settings)
        try await cloud.sendRecordings()
        func command(_ arguments: String..., code: Int32 = 0) throws -> String {
            let environment = cloud.environment.merging(["VAHO_PRETRAINED_FILE": "none", "USER": "nina"]) { $1 }
            let result = try RunningProgram.run("vaho-cloud", arguments, environment: environment)
            #expect(result.code == code, "\(arguments): \(result.errors)")
            // Tables for people fit a terminal of 80 columns.
            if !arguments.contains("--format") {
                let lines = result.output.split(separator: "\n").filter { !$0.contains(cloud.folder) }
                #expect(lines.allSatisfy { $0.count <= 80 }, "\(result.output)")
            }
            return code == 0 ? result.output : result.errors
        }
        #expect(try command("models", "show", code: 1).contains("vaho-cloud train makes one"))
        #expect(try command("runs", "show", code: 1).contains("vaho-cloud train starts one"))
        let trained = try command("train")
        #expect(trained.contains("promoted release") && trained.contains("vaho-cloud runs show 1"), "\(trained)")
        #expect(try command("runs", "list").contains("promoted"))
        let shown = try command("runs", "show")
        #expect(shown.contains("started by nina") && shown.contains("outdoor-like") && shown.contains("train.rows"), "\(shown)")
        #expect(try rows(command("runs", "show", "1", "--format", "json")).count { $0["part"] == "evidence" } == 20)
        #expect(try command("models", "show").contains("champion"))
        let counter = try #require(try rows(command("models", "list", "--format", "json")).first?["counter"])

        // A pin signs nothing again if the release is the newest; unpinning gives the champion.
        #expect(try command("models", "pin", "attic", counter, "--reason", "trial").contains("device:attic gets release \(counter)"))
        #expect(try command("models", "unpin", "attic").contains("gets the champion"))
        #expect(try command("models", "unpin", "attic", code: 1).contains("is not pinned"))
        #expect(try command("models", "pin", "cellar", counter, code: 1).contains("neither a device nor tag:TAG"))
        #expect(try command("device", "tag", "attic", "damp").contains("tags of attic: damp"))
        #expect(try command("models", "pin", "tag:damp", counter).contains("tag:damp gets release"))
        #expect(try command("models", "unpin", "tag:damp").contains("gets the champion"))
        #expect(try command("models", "rollback", code: 1).contains("there was no other champion"))
        #expect(try command("models", "promote", "1", code: 1).contains("there is no release 1"))
        #expect(try command("models", "reproduce").contains("bytes before the signatures are the same"))
        #expect(try command("models", "verify").contains("1 releases verified"))
        let history = try rows(command("models", "history", "--format", "json")).map { "\($0["alias"] ?? "") \($0["author"] ?? "")" }
        #expect(
            history == [
                "tag:damp nina", "tag:damp nina", "device:attic nina", "device:attic nina", "challenger nina", "champion nina", "challenger run 1",
            ])
        #expect(try command("models", "history", "--device", "attic", code: 1).contains("had not reported a release"))
        #expect(try command("models", "export", counter, "--out", "\(cloud.folder)/export").contains("release.vaho"))
        #expect(FileManager.default.fileExists(atPath: "\(cloud.folder)/export/release.csv"))

        // Forecasts from the cloud's observations: the recording of attic ends in June 2011.
        let shown24 = try command("forecast", "attic", "--horizon", "24h", "--as-of", "2011-06-01T12:30:00Z")
        #expect(shown24.contains("from 2011-06-01T12:00:00Z") && shown24.contains("2011-06-02 12:00Z"), "\(shown24)")
        #expect(try rows(command("forecast", "attic", "--horizon", "24h", "--format", "json")).last?["lead_s"] == "86400")
        #expect(try command("forecast", "attic", "--as-of", "2001-01-01T00:00:00Z", code: 1).contains("no observation by then"))
        #expect(try command("forecast", "attic", "--as-of", "soon", code: 2).contains("expected a time such as"))
        #expect(try command("forecast", "attic", "--sensor", "loft", code: 1).contains("it has air"))
        #expect(try command("forecast", "cellar", code: 1).contains("there is no device cellar"))
        #expect(try rows(command("forecast", "errors", "attic", "--format", "json")).isEmpty, "no forecast was stored")
        let answer = try await cloud.json("/v1/devices/attic/forecast?as_of=2011-06-01T12:30:00Z&horizon=PT6H")
        #expect(answer["origin"] as? String == "2011-06-01T12:00:00Z", "\(answer)")
        #expect(try await cloud.request("GET", "/v1/devices/attic/forecast?as_of=soon").status == 400)
        #expect(try await cloud.request("GET", "/v1/devices/attic/forecast?as_of=2001-01-01T00:00:00Z").status == 404)

        // Snapshots.
        let snapshot = try #require(try rows(command("snapshot", "list", "--format", "json")).first?["sha256"])
        #expect(try command("snapshot", "create").hasPrefix(snapshot), "nothing has changed since the run")
        #expect(try command("snapshot", "show", String(snapshot.prefix(8))).contains("bathroom"))
        #expect(try command("snapshot", "diff", snapshot, snapshot).contains("the same observations"))
        let folder = "\(cloud.folder)/series"
        #expect(try command("snapshot", "export", snapshot, "--out", folder).contains("3 series"))
        #expect(try command("snapshot", "export", snapshot, "--out", folder, code: 1).contains("not empty"))
        let attic = try String(contentsOfFile: "\(folder)/attic.air.csv", encoding: .utf8)
        #expect(attic.hasPrefix("time,humidity_pct,temperature_c\n") && attic.split(separator: "\n").count == 1_681)
        #expect(
            try command("train", "--data", folder, "--without", "bathroom.air", "--out", "\(cloud.folder)/own.vaho").contains("own.vaho"),
            "an export is what train --data reads")
        #expect(try command("snapshot", "gc", "--keep", "0").contains("deleted 0 snapshots"), "the champion needs it")
        #expect(try command("snapshot", "show", "0000", code: 1).contains("there is no snapshot 0000"))
        #expect(try await cloud.stop() == 0)
    }

    @Test(.timeLimit(.minutes(2))) func `a program with the operator's token starts a run, and the webhook receives a signed message at its end`()
        async throws
    {
        let bodies = Mutex<[(body: [UInt8], signature: String)]>([])
        let hook = try HTTPServer(
            address: "127.0.0.1", port: 0, limits: HTTPLimits(bodyBytes: 10_000), makeRefusal: { status, _ in HTTPResponse(status: status) }
        ) { request in
            let body = (try? request.body()) ?? []
            bodies.withLock { $0.append((body, request.headers["vaho-signature"] ?? "")) }
            return HTTPResponse(status: 204)
        }
        let cloud = Cloud()
        try FileManager.default.createDirectory(atPath: cloud.folder, withIntermediateDirectories: true)
        try "secret-of-the-operator\n".write(toFile: cloud.folder + "/token", atomically: true, encoding: .utf8)
        try await cloud.start(
            Self.settings.merging(
                ["VAHO_OPERATOR_TOKEN_FILE": cloud.folder + "/token", "VAHO_WEBHOOK_URL": "http://127.0.0.1:\(hook.port)/runs"]) { $1 })
        #expect(try await cloud.request("POST", "/v1/runs").status == 401)
        #expect(try await cloud.request("POST", "/v1/runs", headers: [("Authorization", "Bearer secret-of-the-operatoR")]).status == 401)
        #expect(try await cloud.json("/v1/runs")["runs"] as? [[String: String]] == [])

        let script = Self.deploy + "/airflow/vaho_training.py"
        let arguments = [script, "--url", "http://127.0.0.1:\(cloud.port)", "--token-file", cloud.folder + "/token", "--poll-seconds", "0.2"]
        let result = try RunningProgram.run(program: "/usr/bin/python3", arguments, environment: [:])
        #expect(result.code == 0, "\(result.errors)")
        let ended = try #require(try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
        #expect(ended["outcome"] as? String == "too_little_data" && ended["id"] as? Int == 1)

        let message = try await seen("the end of the run at the webhook") { bodies.withLock { $0.first } }
        let told = try #require(try JSONSerialization.jsonObject(with: Data(message.body)) as? [String: Any])
        #expect(told["kind"] as? String == "run_ended" && told["run"] as? Int == 1 && told["outcome"] as? String == "too_little_data")
        let keys = try ReleaseKeyFile.keys(try cloud.run("keys").output, path: "keys")
        let signature = try #require(Hexadecimal.bytes(message.signature))
        #expect(keys.first?.isValid(signature, of: Array("vaho webhook 1\n".utf8) + message.body) == true)

        try "a-wrong-token-of-length\n".write(toFile: cloud.folder + "/wrong", atomically: true, encoding: .utf8)
        let wrong = try RunningProgram.run(
            program: "/usr/bin/python3", arguments.map { $0 == cloud.folder + "/token" ? cloud.folder + "/wrong" : $0 }, environment: [:])
        #expect(wrong.code == 1 && wrong.errors.contains("401 this token is not known"), "\(wrong.errors)")
        #expect(try await cloud.stop() == 0)
        await hook.stop()

        try await cloud.start(Self.settings)
        let off = try await cloud.request("POST", "/v1/runs", headers: [("Authorization", "Bearer secret-of-the-operator")])
        #expect(off.status == 401 && String(decoding: off.body, as: UTF8.self).contains("this token is not known"))
        #expect(try await cloud.stop() == 0)
    }
}

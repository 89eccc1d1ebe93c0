import Foundation
import HTTPClient
import Testing

/// Two servers on one PostgreSQL database. Needs `Tests/postgres.sh`.
@Suite(.enabled(if: Replicas.server != nil, "Tests/postgres.sh starts a server"), .timeLimit(.minutes(2))) struct ReplicaTests {
    @Test func `a token that is revoked through one server is refused by the other within two seconds`() async throws {
        let replicas = try Replicas()
        let one = try await replicas.start()
        let other = try await replicas.start()
        let token = try replicas.add("attic")
        let headers = [(name: "Authorization", value: "Bearer \(token)"), (name: "Content-Type", value: "application/json")]
        let batch =
            #"{"version":1,"epoch":"00000000000000aa","first":1,"sensors":["air"],"sensor":[0],"taken_at_ms":[1795234200000],"humidity_mpct":[61250]}"#
        for replica in [one, other] {
            let answer = try await replica.request("POST", "/v1/devices/attic/batches", headers: headers, body: Array(batch.utf8))
            #expect(answer.status == 200)
        }
        #expect(try await other.metric("vaho_readings_total") == 1, "the same batch through two servers is stored once")
        #expect(try replicas.run("device", "revoke", "attic").code == 0)
        for replica in [one, other] {
            _ = try await seen("the refusal of the revoked token", within: 2) {
                let answer = try await replica.request("POST", "/v1/devices/attic/batches", headers: headers, body: Array(batch.utf8))
                return answer.status == 403 ? true : nil
            }
        }
        for replica in [one, other] { #expect(try await replica.stop() == 0) }
    }

    @Test func `a server with another signing key refuses to start`() async throws {
        let replicas = try Replicas()
        let one = try await replicas.start()
        let wrong = try replicas.run("serve", settings: ["VAHO_SIGNING_KEY_FILE": replicas.folder + "/other.key", "VAHO_LISTEN": "127.0.0.1:0"])
        #expect(wrong.code == 1)
        #expect(wrong.errors.contains("the signing key of this archive is missing"), "\(wrong.errors)")
        try String(repeating: "ab", count: 32).write(toFile: replicas.folder + "/other.key", atomically: true, encoding: .utf8)
        let other = try replicas.run("serve", settings: ["VAHO_SIGNING_KEY_FILE": replicas.folder + "/other.key", "VAHO_LISTEN": "127.0.0.1:0"])
        #expect(other.code == 1)
        #expect(other.errors.contains("use the archive's own key (VAHO_SIGNING_KEY_FILE)"), "\(other.errors)")
        #expect(try await one.stop() == 0)
    }

    @Test func `a database that is out of disk space answers reads, and the server says that it stores nothing`() async throws {
        let replicas = try Replicas()
        let cloud = try await replicas.start()
        let headers = [(name: "Authorization", value: "Bearer \(try replicas.add("attic"))"), (name: "Content-Type", value: "application/json")]
        func post(_ first: Int) async throws -> Int {
            let batch =
                #"{"version":1,"epoch":"00000000000000aa","first":\#(first),"sensors":["air"],"sensor":[0],"taken_at_ms":[1795234200000],"humidity_mpct":[1]}"#
            return try await cloud.request("POST", "/v1/devices/attic/batches", headers: headers, body: Array(batch.utf8)).status
        }
        #expect(try await post(1) == 200)
        // The error that the server itself gives on a full disk.
        try replicas.sql(
            "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'No space left' USING ERRCODE = '53100'; END $$",
            "CREATE TRIGGER full_disk BEFORE INSERT ON batch FOR EACH ROW EXECUTE FUNCTION full_disk()")
        for first in 2...21 { #expect(try await post(first) == 503) }
        let ready = try await cloud.request("GET", "/readyz")
        #expect(ready.status == 503)
        #expect(String(decoding: ready.body, as: UTF8.self).contains("the database stores nothing"))
        #expect(try await cloud.request("GET", "/v1/devices").status == 200)
        #expect(cloud.log.split(separator: "\n").count { $0.contains("No space left") } == 1, "\(cloud.log)")
        try replicas.sql("DROP TRIGGER full_disk ON batch")
        #expect(try await post(2) == 200)
        #expect(try await cloud.request("GET", "/readyz").status == 200)
        #expect(try await cloud.stop() == 0)
    }

    /// As RunCrashTests, with another server each time: the servers share only the database.
    @Test(.timeLimit(.minutes(4))) func `a training run goes on at another server if a server is killed at the end of a step`() async throws {
        let replicas = try Replicas()
        var cloud = try await replicas.start(RunCrashTests.settings)
        try await cloud.sendRecordings { try replicas.add($0) }
        _ = try await cloud.stop(SIGKILL)
        #expect(try replicas.run("runs", "start").code == 0)
        try replicas.sql(
            "CREATE FUNCTION hang() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(2); RETURN NEW; END $$")
        for (step, name) in RunCrashTests.steps.enumerated() {
            let isLast = step == RunCrashTests.steps.count - 1
            try replicas.sql(
                "CREATE TRIGGER hang BEFORE UPDATE OF \(isLast ? "ended_at_ms" : "step") ON run FOR EACH ROW "
                    + "WHEN (\(isLast ? "NEW.ended_at_ms IS NOT NULL" : "OLD.step = \(step)")) EXECUTE FUNCTION hang()")
            cloud = try await replicas.start(RunCrashTests.settings)
            _ = try await seen("a server that hangs at the end of \(name)") {
                try replicas.value(
                    "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'") == "1" ? true : nil
            }
            _ = try await cloud.stop(SIGKILL)
            // Waits until PostgreSQL has rolled the transaction of the killed server back.
            try replicas.sql("DROP TRIGGER hang ON run")
            #expect(try replicas.value("SELECT step FROM run") == "\(step)", "killed at the end of \(name)")
            #expect(try replicas.value("SELECT COUNT(*) FROM release") == (isLast ? "1" : "0"))
            #expect(try replicas.value("SELECT COUNT(*) FROM alias WHERE name = 'champion'") == "0")
        }
        cloud = try await replicas.start(RunCrashTests.settings)
        let run = try await seen("the end of the run") { () -> [String: Any]? in
            let run = try await cloud.json("/v1/runs/1")
            return run["ended_at"] is String ? run : nil
        }
        #expect(run["outcome"] as? String == "promoted", "\(run["detail"] ?? "")")
        #expect(try replicas.value("SELECT COUNT(*) FROM release") == "1")
        #expect(try replicas.value("SELECT COUNT(*) FROM alias_history WHERE name = 'champion'") == "1")
        #expect(try await cloud.stop() == 0)
    }

    @Test func `scheduled work moves to the other server when the first is killed, and no log line has the password`() async throws {
        let replicas = try Replicas(password: "s3cret-pass")
        let one = try await replicas.start()
        _ = try await seen("the first server schedules") { one.log.contains("scheduled work begins on this server") ? true : nil }
        let other = try await replicas.start()
        #expect(!other.log.contains("scheduled work begins"))
        _ = try await one.stop(SIGKILL)
        _ = try await seen("the other server takes over", within: 10) { other.log.contains("scheduled work begins on this server") ? true : nil }
        #expect(try await other.stop() == 0)
        #expect(!other.log.contains("s3cret-pass") && !one.log.contains("s3cret-pass"))
    }
}

/// Servers on a database of their own.
private final class Replicas {
    static let server = ProcessInfo.processInfo.environment["VAHO_TEST_POSTGRES"]

    let folder = FileManager.default.temporaryDirectory.path + "/vaho-replicas-\(UInt64.random(in: 0...(.max)))"
    private let name = "replicas_\(UInt64.random(in: 0...(.max)))"
    private let password: String?

    init(password: String? = nil) throws {
        self.password = password
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try psql("CREATE DATABASE \(name)")
    }

    deinit {
        _ = try? psql("DROP DATABASE \(name) WITH (FORCE)")
        try? FileManager.default.removeItem(atPath: folder)
    }

    /// Runs statements in this database.
    func sql(_ statements: String...) throws { for statement in statements { try psql(statement, in: environment["VAHO_STORE"]) } }

    /// The first value of a query in this database.
    func value(_ sql: String) throws -> String { try psql(sql, in: environment["VAHO_STORE"]) }

    @discardableResult
    private func psql(_ sql: String, in database: String? = Replicas.server) throws -> String {
        let result = try RunningProgram.run(
            program: "/usr/bin/psql", ["-qXAt", "-v", "ON_ERROR_STOP=1", database ?? "", "-c", sql], environment: [:])
        guard result.code == 0 else { throw NotSeen(description: result.errors) }
        return result.output.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    private var environment: [String: String] {
        var address = (Self.server ?? "").replacingOccurrences(of: "/postgres", with: "/\(name)", options: .backwards)
        if let password { address = address.replacingOccurrences(of: "vaho@", with: "vaho:\(password)@") }
        return ["VAHO_STORE": address, "VAHO_SIGNING_KEY_FILE": folder + "/signing.key"]
    }

    func start(_ settings: [String: String] = [:]) async throws -> Cloud {
        let cloud = Cloud()
        try await cloud.start(environment.merging(settings) { $1 })
        return cloud
    }

    func run(_ arguments: String..., settings: [String: String] = [:]) throws -> (code: Int32, output: String, errors: String) {
        try RunningProgram.run("vaho-cloud", arguments, environment: environment.merging(settings) { $1 })
    }

    func add(_ device: String) throws -> String {
        let result = try run("device", "add", device, "--out", "\(folder)/\(device)")
        guard result.code == 0 else { throw NotSeen(description: result.errors) }
        return try String(contentsOfFile: "\(folder)/\(device)/token", encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines)
    }
}

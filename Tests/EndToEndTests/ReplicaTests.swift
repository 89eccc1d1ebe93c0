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
        #expect(String(decoding: ready.body, as: UTF8.self).contains("the database does not accept writes"))
        #expect(try await cloud.request("GET", "/v1/devices").status == 200)
        #expect(cloud.log.split(separator: "\n").count { $0.contains("No space left") } == 1, "\(cloud.log)")
        try replicas.sql("DROP TRIGGER full_disk ON batch")
        #expect(try await post(2) == 200)
        #expect(try await cloud.request("GET", "/readyz").status == 200)
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

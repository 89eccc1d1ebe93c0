import Foundation
import Testing

/// A training run on a PostgreSQL database. Needs `Tests/postgres.sh`.
@Suite(.enabled(if: Replicas.server != nil, "Tests/postgres.sh starts a server")) struct ReplicaRunTests {
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
}

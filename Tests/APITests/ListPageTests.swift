import Access
import ArchiveExamples
import Foundation
import Measures
import Testing

@testable import API
@testable import Archive

/// The pages of lists that show the newest entry first.
@Suite(.timeLimit(.minutes(1))) struct ListPageTests {
    private let place = TemporaryArchive()

    private struct Page {
        let entries: [[String: Any]]
        let next: String?

        init(_ text: String, _ name: String) throws {
            let object = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
            (entries, next) = (try #require(object[name] as? [[String: Any]]), object["next"] as? String)
        }
    }

    /// An archive with nine entries in each list.
    private func bench() async throws -> TokenBench {
        let bench = try await TokenBench(place)
        try await bench.archive.perform { archive in
            for number in 1...9 as ClosedRange<Int64> {
                try archive.database.run(
                    "INSERT INTO run (kind, cause, author, created_at_ms, ended_at_ms) VALUES ('train', 'test', ?, 1, 2)", "n\(number)")
                try archive.database.run(
                    """
                    INSERT INTO rollout (release, tags, steps, step, changed_at_ms, through, state, author, cause, created_at_ms, ended_at_ms)
                    VALUES (7, '', '100:0', 0, 1, 0, 'completed', ?, 'test', 1, 2)
                    """, "n\(number)")
                try archive.database.run(
                    "INSERT INTO release (counter, sha256, model_id, created_at_ms, snapshot, parent, backtest, body) VALUES (?, ?, ?, 1, '', '', '', ?)",
                    number, "\(number)", "n\(number)", [UInt8](repeating: 1, count: 3))
                try archive.database.run(
                    "INSERT INTO alias_history (at_ms, name, counter, author, reason) VALUES (1, 'champion', 7, ?, 'test')", "n\(number)")
                try archive.database.run(
                    "INSERT INTO snapshot (sha256, created_at_ms, reason) VALUES (?, 1, ?)", "\(number)", "n\(number)")
            }
        }
        return bench
    }

    @Test(
        arguments: [
            ("/v1/runs", "runs", "author"), ("/v1/rollouts", "rollouts", "author"), ("/v1/models", "models", "model_id"),
            ("/v1/models/history", "changes", "author"), ("/v1/snapshots", "snapshots", "reason"), ("/v1/audit", "entries", "author"),
        ])
    func `pages of any size list each entry once, newest first, also while entries are added`(path: String, name: String, field: String) async throws
    {
        let bench = try await bench()
        let all = try Page(await bench.send("GET", path).text, name)
        #expect(all.next == nil)
        let expected = all.entries.compactMap { $0[field] as? String }
        if path != "/v1/audit" { #expect(expected == (1...9).reversed().map { "n\($0)" }) }
        for size in [1, 2, 4, expected.count] {
            var (found, after): ([String], String?) = ([], nil)
            repeat {
                var query = ["limit": "\(size)"]
                query["after"] = after
                let page = try Page(await bench.send("GET", path, query: query).text, name)
                #expect(page.entries.count <= size)
                found += page.entries.compactMap { $0[field] as? String }
                // An entry that is added meanwhile belongs to no later page.
                _ = try await bench.archive.addAPIToken("t\(found.count)-\(size)", .viewer, expiresAt: nil, by: .named("nina"), now: Instant(ms: 1))
                after = page.next
            } while after != nil
            #expect(path == "/v1/audit" ? Array(found.suffix(expected.count)) == expected : found == expected, "pages of \(size)")
        }
    }

    @Test(arguments: [
        ("after", "x"), ("after", "0"), ("after", "-3"), ("after", "99999999999999999999"), ("limit", "0"), ("limit", "1001"), ("limit", "x"),
    ])
    func `a wrong cursor or size is refused by name`(name: String, value: String) async throws {
        let bench = try await TokenBench(place)
        for path in ["/v1/runs", "/v1/rollouts", "/v1/models", "/v1/models/history", "/v1/snapshots", "/v1/audit"] {
            let answer = await bench.send("GET", path, query: [name: value])
            #expect([400, 422].contains(answer.status) && answer.text.contains("\(name)=\(value)"), "\(path): \(answer.text)")
        }
    }
}

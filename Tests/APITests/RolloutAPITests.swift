import Access
import Archive
import ArchiveExamples
import Examples
import Foundation
import HTTPServer
import Measures
import Pipeline
import Releases
import Runtime
import Signing
import Testing
import Wire

@testable import API

@Suite(.timeLimit(.minutes(1))) struct RolloutAPITests {
    private let place = TemporaryArchive()
    private static let token = "operator-of-the-museum"

    private struct Bench {
        let api: CloudAPI
        let releases: [UInt64]

        /// - Returns: the status, and the fields of the JSON answer.
        func send(_ method: String, _ path: String, _ body: String = "", token: String? = RolloutAPITests.token) async throws -> (Int, [String: Any])
        {
            var headers = ["content-type": "application/json"]
            if let token { headers["authorization"] = "Bearer \(token)" }
            let response = await api.responder(
                HTTPRequest(method: method, path: path, query: [:], headers: headers, peer: "192.0.2.7", body: Array(body.utf8)))
            if response.body.count == 0 { return (response.status, [:]) }
            let object = try JSONSerialization.jsonObject(with: Data(response.body.bytes)) as? [String: Any]
            return (response.status, object ?? [:])
        }
    }

    private func bench() async throws -> Bench {
        let archive = try await place.open()
        let reader = try await place.open(.readOnly)
        let signer = try await ReleaseSigner(of: archive, keyFile: place.location.keyFile)
        var releases: [UInt64] = []
        for seed in 1...2 as ClosedRange<UInt64> {
            let header = ReleaseHeader(
                counter: try await archive.nextCounter(now: place.now), modelID: "m\(seed)", createdAt: place.now,
                expiresAt: place.now + .seconds(86_400),
                provenance: Provenance(snapshot: "", codeVersion: "", seed: 0, configuration: "", parent: "", backtest: ""))
            releases.append(
                try await archive.register(signer.file(Release(header: header, network: anyNetwork(seed: seed))), header: header).counter)
        }
        var access = AccessSettings.open
        access.operatorToken = SHA256.digest(Array(Self.token.utf8))
        return Bench(api: CloudAPI.example(place, archive, reader: reader, access: access), releases: releases)
    }

    @Test func `a program with the operator's token starts, pauses, resumes and aborts a rollout`() async throws {
        let bench = try await bench()
        let release = bench.releases[1]
        let (status, started) = try await bench.send(
            "POST", "/v1/rollouts", #"{"release": \#(release), "tags": ["north"], "steps": "10:2,100:0", "reason": "trial"}"#)
        #expect(status == 201 && started["state"] as? String == "running" && started["steps"] as? String == "10:2,100:0")
        #expect(started["tags"] as? [String] == ["north"] && started["author"] as? String == "operator token")
        let id = try #require(started["id"] as? Int)
        for (action, state) in [("pause", "paused"), ("resume", "running"), ("abort", "aborted")] {
            let (status, changed) = try await bench.send("POST", "/v1/rollouts/\(id)/\(action)", #"{"reason": "because"}"#)
            #expect(status == 200 && changed["state"] as? String == state, "\(action)")
        }
        let (_, shown) = try await bench.send("GET", "/v1/rollouts/\(id)", token: nil)
        let events = (shown["events"] as? [[String: Any]])?.compactMap { $0["event"] as? String }
        #expect(events == ["started", "paused", "resumed", "aborted"])
        let (_, list) = try await bench.send("GET", "/v1/rollouts", token: nil)
        #expect((list["rollouts"] as? [Any])?.count == 1)
    }

    @Test func `a refused start returns the reason`() async throws {
        let bench = try await bench()
        let release = bench.releases[1]
        for (body, token, status, words) in [
            (#"{"release": \#(release)}"#, nil, 401, "sign in"), (#"{"release": \#(release)}"#, "wrong", 401, "not known"),
            (#"{"release": 12}"#, Self.token, 404, "there is no release 12"), ("{}", Self.token, 400, "the counter of a release"),
            (#"{"release": \#(release), "steps": "fast"}"#, Self.token, 422, "increasing percents"),
            (#"{"release": \#(release), "tags": ["No Tag"]}"#, Self.token, 400, "a tag is"), ("[1", Self.token, 400, "not a JSON object"),
            (#"{"release": \#(release), "reason": "\#(String(repeating: "x", count: 20_000))"}"#, Self.token, 413, "longer than 16384"),
        ] as [(String, String?, Int, String)] {
            let (found, problem) = try await bench.send("POST", "/v1/rollouts", body, token: token)
            #expect(found == status && (problem["detail"] as? String)?.contains(words) == true, "\(body.prefix(60)): \(problem)")
        }
        #expect(try await bench.send("POST", "/v1/rollouts", #"{"release": \#(release)}"#).0 == 201)
        #expect(try await bench.send("POST", "/v1/rollouts", #"{"release": \#(release)}"#).0 == 409, "a rollout is in progress")
        #expect(try await bench.send("POST", "/v1/rollouts/1/resume").0 == 409, "the rollout is not paused")
        #expect(try await bench.send("POST", "/v1/rollouts/1/explode").0 == 404)
        #expect(try await bench.send("POST", "/v1/rollouts/7/pause").0 == 404)
        #expect(try await bench.send("GET", "/v1/rollouts/7").0 == 404)
    }

    @Test func `a rollback makes the earlier network the champion again, and is refused without an earlier champion`() async throws {
        let bench = try await bench()
        let archive = try await place.open(.existing)
        #expect(try await bench.send("POST", "/v1/models/rollback").0 == 409)
        for release in bench.releases { try await archive.setAlias(.champion, to: release, by: .named("nina"), now: WallClock.now) }
        #expect(try await bench.send("POST", "/v1/models/rollback", token: nil).0 == 401)
        let (status, answer) = try await bench.send("POST", "/v1/models/rollback", #"{"reason": "too dry"}"#)
        let new = try #require(answer["release"] as? UInt64)
        #expect(status == 200 && answer["network_of"] as? UInt64 == bench.releases[0] && new > bench.releases[1])
        #expect(try await archive.release(of: .champion)?.counter == new)
        #expect(try await archive.audit(containing: "champion", limit: 1).map(\.reason) == ["too dry"])
    }

    @Test func `a pinned device gets its release, and the champion again when the pin is removed`() async throws {
        let bench = try await bench()
        let archive = try await place.open(.existing)
        let attic = try await place.device(archive, "attic")
        try await archive.setAlias(.champion, to: bench.releases[1], by: .named("nina"), now: WallClock.now)
        let (status, answer) = try await bench.send("PUT", "/v1/devices/attic/pin", #"{"release": \#(bench.releases[0]), "reason": "old sensor"}"#)
        let given = try #require(answer["release"] as? UInt64)
        #expect(status == 200 && answer["network_of"] as? UInt64 == bench.releases[0] && given > bench.releases[1])
        #expect(try await archive.release(for: attic)?.counter == given)
        #expect(try await bench.send("DELETE", "/v1/devices/attic/pin").0 == 204)
        #expect(try await archive.release(for: attic)?.counter != given)
        #expect(try await bench.send("DELETE", "/v1/devices/attic/pin").0 == 404, "nothing is pinned any more")
        for (path, body, status, words) in [
            ("attic", #"{"release": 12}"#, 404, "there is no release 12"), ("nobody", #"{"release": 12}"#, 404, "no device"),
            ("attic", #"{"release": -1}"#, 400, "a number that is out of range"), ("attic", "{}", 400, "this field is missing"),
        ] as [(String, String, Int, String)] {
            let (found, problem) = try await bench.send("PUT", "/v1/devices/\(path)/pin", body)
            #expect(found == status && (problem["detail"] as? String)?.contains(words) == true, "\(body): \(problem)")
        }
        #expect(try await archive.audit(containing: "device:attic", limit: 9).map(\.reason).contains("old sensor"))
    }

    @Test func `setting or ending the emergency stop twice has no further effect`() async throws {
        let bench = try await bench()
        #expect(try await bench.send("GET", "/v1/release-stop", token: nil).1["is_on"] as? Bool == false)
        #expect(try await bench.send("PUT", "/v1/release-stop", token: nil).0 == 401)
        for _ in 0..<2 {
            let (status, stop) = try await bench.send("PUT", "/v1/release-stop", #"{"reason": "the vault is wet"}"#)
            #expect(status == 200 && stop["is_on"] as? Bool == true && stop["reason"] as? String == "the vault is wet")
        }
        for _ in 0..<2 { #expect(try await bench.send("DELETE", "/v1/release-stop").1["is_on"] as? Bool == false) }
    }
}

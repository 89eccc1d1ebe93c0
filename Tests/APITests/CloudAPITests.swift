import Access
import Archive
import ArchiveExamples
import Foundation
import HTTPServer
import Measures
import Pipeline
import Runtime
import Testing
import Wire

@testable import API

/// Requests through the cloud's endpoints, over an archive in a folder of its own, without a socket.
@Suite final class CloudAPITests {
    private let place = TemporaryArchive()
    private let log = Log("test", minimumLevel: .error)

    private struct Bench: Sendable {
        let archive: Archive
        let api: CloudAPI
        let ingest: Ingest
        let device: DeviceID
        let token: String

        func send(
            _ method: String, _ path: String, query: [String: String] = [:], token: String? = nil, type: String = "application/json",
            body: [UInt8] = []
        ) async -> HTTPResponse {
            let headers = ["authorization": "Bearer \(token ?? self.token)", "content-type": type, "accept": "application/json"]
            return await api.responder(
                HTTPRequest(method: method, path: path, query: query, headers: headers, peer: "192.0.2.7", body: body))
        }
    }

    /// Runs a test while `Ingest` stores batches in the background, as in the server.
    private func withBench(
        freeBytes: Int64 = 0, limits: ArchiveLimits = ArchiveLimits(), _ test: @escaping @Sendable (Bench) async throws -> Void
    ) async throws {
        let bench = try await bench(freeBytes: freeBytes, limits: limits)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { do { try await bench.ingest.run() } catch is CancellationError {} }
            try await test(bench)
            group.cancelAll()
        }
    }

    private func bench(freeBytes: Int64, limits: ArchiveLimits) async throws -> Bench {
        let archive = try await place.open(limits: limits)
        let reader = try await place.open(.readOnly, limits: limits)
        let device = try #require(DeviceID("attic"))
        let token = try await archive.addDevice(device, by: .named("nina"), now: Instant(ms: 1))
        let freeSpaceGuard = FreeSpaceGuard(folder: FileManager.default.temporaryDirectory.path, minimumFreeBytes: freeBytes)
        let ingest = Ingest(archive: archive, wake: Inbox(limit: 1), freeSpaceGuard: freeSpaceGuard, log: log)
        let api = CloudAPI.example(place, archive, reader: reader, ingest: ingest, freeBytes: freeBytes)
        return Bench(archive: archive, api: api, ingest: ingest, device: device, token: token)
    }

    private static func batch(_ first: Int64, _ count: Int, humidity: Int32 = 45_000) throws -> [UInt8] {
        let air = try #require(SensorName("air"))
        let start = WallClock.now.ms - 3_600_000
        let rows = (0..<count).map {
            Batch.Row.reading(sensor: 0, Reading(takenAt: Instant(ms: start + (first + Int64($0)) * 1_000), humidityMpct: humidity))
        }
        return Batch(epoch: Epoch(bits: 7), first: first, sensors: [air], rows: rows).binary()
    }

    private static func text(_ response: HTTPResponse) -> String { String(decoding: response.body.bytes, as: UTF8.self) }

    @Test(.timeLimit(.minutes(1))) func `a batch is stored once, and its repeat is answered the same`() async throws {
        try await withBench { bench in
            let body = try Self.batch(1, 20)
            for _ in 0..<2 {
                let response = await bench.send("POST", "/v1/devices/attic/batches", type: BatchFormat.mediaType, body: body)
                #expect(response.status == 200)
                #expect(Self.text(response).contains(#""through":20"#))
            }
            let id = try #require(try await bench.archive.device(named: bench.device)).id
            #expect(try await bench.archive.heldRanges(id, Epoch(bits: 7)).ranges == [1...20])
        }
    }

    @Test(
        .timeLimit(.minutes(1)),
        arguments: [
            ("attic", "wrong", 401, "this token is not known"), ("cellar", nil, 403, "belongs to another device"),
        ] as [(String, String?, Int, String)])
    func `a request without the device's own token is refused`(device: String, token: String?, status: Int, words: String) async throws {
        try await withBench { bench in
            let response = await bench.send(
                "POST", "/v1/devices/\(device)/batches", token: token, type: BatchFormat.mediaType, body: try Self.batch(1, 1))
            #expect(response.status == status && Self.text(response).contains(words))
        }
    }

    @Test(.timeLimit(.minutes(1))) func `a revoked device is refused within a second`() async throws {
        try await withBench { bench in
            let body = try Self.batch(1, 1)
            #expect(await bench.send("POST", "/v1/devices/attic/batches", type: BatchFormat.mediaType, body: body).status == 200)
            try await bench.archive.revoke(bench.device, by: .named("nina"), now: Instant(ms: 2))
            #expect(
                await statusAfterChange(from: 200) {
                    await bench.send("POST", "/v1/devices/attic/batches", type: BatchFormat.mediaType, body: body).status
                } == 403)
        }
    }

    @Test(
        .timeLimit(.minutes(1)),
        arguments: [
            ("text/csv", "a,b", 415, "text/csv"), ("application/json", "{", 400, "the batch"),
            ("application/json", #"{"version":9}"#, 415, "version 9 is not supported"),
            (BatchFormat.mediaType, "none", 400, "byte"),
        ])
    func `a body that is not a batch is refused with the reason`(type: String, body: String, status: Int, words: String) async throws {
        try await withBench { bench in
            let response = await bench.send("POST", "/v1/devices/attic/batches", type: type, body: Array(body.utf8))
            #expect(response.status == status && Self.text(response).contains(words), "\(Self.text(response))")
            #expect(response.headers.contains { $0.name == "Content-Type" && $0.value == "application/problem+json" })
        }
    }

    @Test(.timeLimit(.minutes(1))) func `plain readings are stored, repeats are counted, and a device over its quota of sensors is refused`()
        async throws
    {
        var limits = ArchiveLimits()
        limits.sensorsPerDevice = 2
        try await withBench(limits: limits) { bench in
            func send(_ body: String) async -> HTTPResponse { await bench.send("POST", "/v1/devices/attic/readings", body: Array(body.utf8)) }
            let now = WallClock.now.ms
            let one = #"{"sensor":"air","taken_at_ms":\#(now),"humidity_pct":45}"#
            #expect(Self.text(await send(one)).contains(#""stored":1"#))
            #expect(Self.text(await send(one)).contains(#""duplicates":1"#))
            #expect(await send(#"{"sensor":"roof","humidity_pct":45}"#).status == 200)
            let third = await send(#"{"sensor":"hall","humidity_pct":45}"#)
            #expect(third.status == 400 && Self.text(third).contains(#""pointer":"/sensor""#))
            #expect(await send("{}").status == 400)
        }
    }

    @Test(.timeLimit(.minutes(1))) func `an enrolment code becomes a token once, and guesses are rate-limited`() async throws {
        try await withBench { bench in
            let name = try #require(DeviceID("cellar"))
            let code = try await bench.archive.makeCode(for: name, validFor: .seconds(60), by: .named("nina"), now: WallClock.now)
            let made = await bench.send("POST", "/v1/enrol", body: Array(#"{"code":"\#(code)"}"#.utf8))
            #expect(made.status == 200 && Self.text(made).contains(#""device":"cellar""#))
            // At once, so that the limit is reached on a slow machine, too.
            let statuses = await withTaskGroup(of: Int.self) { group in
                for _ in 0..<30 { group.addTask { await bench.send("POST", "/v1/enrol", body: Array(#"{"code":"AAAAA-AAAAA"}"#.utf8)).status } }
                return await group.reduce(into: Set<Int>()) { $0.insert($1) }
            }
            #expect(statuses == [403, 429])
        }
    }

    @Test(.timeLimit(.minutes(1))) func `a device gets the key sets after its own, oldest first, and its serial is stored`() async throws {
        try await withBench { bench in
            let path = "/v1/devices/attic/release-keys"
            #expect(await bench.send("GET", path).status == 204)
            let author = Archive.Attribution(author: "nina", reason: "rotation")
            for serial in 7...9 as ClosedRange<UInt64> {
                try await bench.archive.changeAliases { archive in
                    try archive.insertKeySet("set \(serial)\n", serial: serial, by: author, now: Instant(ms: 1))
                }
            }
            #expect(Self.text(await bench.send("GET", path)) == "set 7\nset 8\nset 9\n")
            #expect(Self.text(await bench.send("GET", path, query: ["after": "8"])) == "set 9\n")
            // The device sends a report: only devices that run the agent are counted.
            let empty = Batch(
                epoch: Epoch(bits: 7), first: 1, sensors: [], rows: [],
                report: DeviceReport(release: nil, backlog: 0, evicted: 0, refused: 0, clock: .synchronised, scores: []))
            #expect(await bench.send("POST", "/v1/devices/attic/batches", type: BatchFormat.mediaType, body: empty.binary()).status == 200)
            #expect(try await bench.archive.keySetReach(names: 5) == (0, 1, ["attic"]))
            #expect(await bench.send("GET", path, query: ["after": "9"]).status == 204)
            #expect(try await bench.archive.keySetReach(names: 5) == (1, 1, []))
            for text in ["-1", "x", "9223372036854775808"] { #expect(await bench.send("GET", path, query: ["after": text]).status == 400) }
            #expect(await bench.send("GET", path, token: "wrong").status == 401)
        }
    }

    @Test(.timeLimit(.minutes(1))) func `a renewed token is valid, and the old token stays valid until the new one is used`() async throws {
        try await withBench { bench in
            let made = await bench.send("POST", "/v1/devices/attic/token")
            let json = try #require(try JSONSerialization.jsonObject(with: Data(made.body.bytes)) as? [String: Any])
            let new = try #require(json["token"] as? String)
            let body = try Self.batch(1, 1)
            for token in [bench.token, new] {
                #expect(await bench.send("POST", "/v1/devices/attic/batches", token: token, type: BatchFormat.mediaType, body: body).status == 200)
            }
            #expect(
                await statusAfterChange(from: 200) {
                    await bench.send("POST", "/v1/devices/attic/batches", type: BatchFormat.mediaType, body: body).status
                } == 401)
        }
    }

    @Test(.timeLimit(.minutes(1))) func `unknown paths, devices and methods are told apart`() async throws {
        try await withBench { bench in
            #expect(await bench.send("GET", "/v1/nothing").status == 404)
            #expect(await bench.send("GET", "/v1/devices/cellar").status == 404)
            let method = await bench.send("DELETE", "/v1/devices")
            #expect(method.status == 405 && method.headers.contains { $0.name == "Allow" && $0.value == "GET" })
            #expect(Self.text(await bench.send("GET", "/v1/devices")).contains(#""id":"attic""#))
            #expect(await bench.send("GET", "/v1/devices/attic/observations", query: ["hours": "x"]).status == 400)
        }
    }

    @Test(.timeLimit(.minutes(1))) func `with less free disk space than the limit nothing is stored, and the server is not ready`() async throws {
        try await withBench(freeBytes: .max) { bench in
            let response = await bench.send("POST", "/v1/devices/attic/batches", type: BatchFormat.mediaType, body: try Self.batch(1, 1))
            #expect(response.status == 503 && response.headers.contains { $0.name == "Retry-After" && $0.value == "60" })
            #expect(await bench.send("GET", "/readyz").status == 503)
            #expect(await bench.send("GET", "/livez").status == 200)
        }
    }
}

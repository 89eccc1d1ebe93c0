import Console
import EdgeStore
import Foundation
import HTTPServer
import Measures
import Observing
import Runtime
import StoreExamples
import Testing

@testable import EdgeDaemon

/// Requests through the edge's router, over a store in memory, without a socket.
@Suite struct LocalAPITests {
    private let log = Log("test", minimumLevel: .error)
    private let air: SensorName

    init() throws { air = try #require(SensorName("air")) }

    private func api(
        _ store: ReadingStore, uplink: UplinkStatus = UplinkStatus(), intake: ModelIntake? = nil, settings more: [String: String] = [:]
    ) throws -> LocalAPI {
        let usual = ["VAHO_DEVICE_ID": "attic", "VAHO_SENSOR_AIR": "simulated", "VAHO_STATE_DIR": "/var/empty/vaho"]
        var settings = Settings(environment: usual.merging(more) { $1 })
        let read = try EdgeSettings(&settings, sensorsNeeded: true)
        return LocalAPI(
            settings: read, identity: DeviceIdentity(read.device), endpoint: try #require(Endpoint("127.0.0.1:0")), store: store,
            newest: NewestForecasts(), statuses: SensorStatuses(store: store, recent: NewestReadings()), mouldIndexes: MouldIndexes(store: store),
            uplink: uplink, intake: intake ?? ModelIntake(folder: "/var/empty/vaho", keyFile: nil, access: .readOnly, log: log), clock: .live(),
            log: log)
    }

    private func get(_ api: LocalAPI, _ path: String, _ query: [String: String] = [:]) async -> (status: Int, text: String) {
        let response = await api.responder(HTTPRequest(method: "GET", path: path, query: query))
        return (response.status, String(decoding: response.body.bytes, as: UTF8.self))
    }

    @Test func `beyond loopback the page wants its password, and without one it refuses everything but liveness`() async throws {
        let store = try await store()
        func status(_ settings: [String: String], _ path: String = "/v1/status", password: String? = nil) async throws -> Int {
            let api = try api(store, settings: settings)
            let headers = password.map { ["authorization": "Basic " + Data("me:\($0)".utf8).base64EncodedString()] } ?? [:]
            return await api.responder(HTTPRequest(method: "GET", path: path, headers: headers)).status
        }
        let file = FileManager.default.temporaryDirectory.path + "/vaho-page-password-\(UInt64.random(in: 0...(.max)))"
        defer { try? FileManager.default.removeItem(atPath: file) }
        try "vault: of the abbey\n".write(toFile: file, atomically: true, encoding: .utf8)
        let (open, closed) = (["VAHO_LISTEN": "127.0.0.1:0"], ["VAHO_LISTEN": "0.0.0.0:0"])
        #expect(try await status(open) == 200)
        #expect(try await status(closed) == 403)
        #expect(try await status(closed, "/livez") == 200)
        #expect(try await status(closed.merging(["VAHO_ANONYMOUS": "viewer"]) { $1 }) == 200)
        let locked = closed.merging(["VAHO_PAGE_PASSWORD_FILE": file]) { $1 }
        #expect(try await status(locked) == 401)
        #expect(try await status(locked, "/") == 401)
        #expect(try await status(locked, password: "vault: of the abbey") == 200)
        for wrong in ["vault: of the abbeY", "", "vault"] { #expect(try await status(locked, password: wrong) == 401) }
        #expect(try await status(open.merging(["VAHO_PAGE_PASSWORD_FILE": file]) { $1 }) == 401, "a password counts on loopback, too")
    }

    @Test func `wrong passwords are limited`() async throws {
        let file = FileManager.default.temporaryDirectory.path + "/vaho-page-password-\(UInt64.random(in: 0...(.max)))"
        defer { try? FileManager.default.removeItem(atPath: file) }
        try "vault: of the abbey\n".write(toFile: file, atomically: true, encoding: .utf8)
        let respond = try api(try await store(), settings: ["VAHO_LISTEN": "0.0.0.0:0", "VAHO_PAGE_PASSWORD_FILE": file]).responder
        var statuses: [Int] = []
        for number in 0..<32 {
            let headers = ["authorization": "Basic " + Data("me:guess \(number)".utf8).base64EncodedString()]
            statuses.append(await respond(HTTPRequest(method: "GET", path: "/v1/status", headers: headers)).status)
        }
        #expect(statuses == [Int](repeating: 401, count: 30) + [429, 429])
        let right = ["authorization": "Basic " + Data("me:vault: of the abbey".utf8).base64EncodedString()]
        #expect(await respond(HTTPRequest(method: "GET", path: "/v1/status", headers: right)).status == 200, "others do not keep the owner out")
    }

    private func store() async throws -> ReadingStore {
        let store = try await ReadingStore.example()
        try await store.register(air)
        return store
    }

    @Test func `readings that wait for their commit are shown after those in the store`() async throws {
        let store = try await store()
        try await store.append(minutes(2))
        _ = await store.enqueue(try minutes(1, from: 2))
        let answer = await get(try api(store), "/v1/readings", ["sensor": "air"])
        let json = try #require(try JSONSerialization.jsonObject(with: Data(answer.text.utf8)) as? [String: Any])
        #expect(json["time"] as? [String] == ["1970-01-01T00:01:00Z", "1970-01-01T00:02:00Z", "1970-01-01T00:03:00Z"])
        #expect(json["humidity_pct"] as? [Double] == [45, 45.001, 45])
    }

    @Test(arguments: [
        ("/v1/readings", ["sensor": "roof"], 404, "roof"), ("/v1/readings", ["sensor": "air", "limit": "0"], 400, "limit"),
        ("/v1/forecast", ["sensor": "air"], 404, "no forecast"), ("/v1/forecast", ["sensor": "air", "horizon": "1 day"], 400, "ISO 8601"),
        ("/v1/forecast", ["sensor": "air", "horizon": "P9D"], 400, "5 days"), ("/v1/nothing", [:], 404, "nothing at"),
        ("/v1/status", [:], 200, #""id":"attic""#), ("/metrics", [:], 200, "vaho_build_info"), ("/livez", [:], 200, "ok"),
    ])
    func `each path answers with its document or the reason`(path: String, query: [String: String], status: Int, words: String) async throws {
        let answer = await get(try api(try await store()), path, query)
        #expect(answer.status == status && answer.text.contains(words), "\(answer.text.prefix(300))")
    }

    @Test func `a device that the cloud refuses is not ready, and an offline device is ready`() async throws {
        let store = try await store()
        let uplink = UplinkStatus()
        _ = uplink.set(.unreachable, status: nil, detail: "no route", at: Instant(ms: 1))
        #expect(await get(try api(store, uplink: uplink), "/readyz").status == 200)
        _ = uplink.set(.refused, status: 401, detail: "this token is not known", at: Instant(ms: 2))
        let refused = await get(try api(store, uplink: uplink), "/readyz")
        #expect(refused.status == 503 && refused.text.contains("this token is not known"))
    }

    @Test func `if no new release ever comes, API and metrics show that the release in use is expired`() async throws {
        let folder = FileManager.default.temporaryDirectory.path + "/vaho-freeze-\(UInt64.random(in: 0...(.max)))"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let releases = SignedReleases()
        try releases.pin([1], in: folder)
        let intake = ModelIntake(folder: folder, keyFile: nil, access: .daemon(boot: 1, now: { WallClock.now }), log: log)
        let store = try await store()
        let now = WallClock.now
        for (counter, expiresAt, isExpired) in [(5, now - .seconds(60), true), (6, now + .seconds(60), false)] as [(UInt64, Instant, Bool)] {
            let release = try releases.file(counter: counter, createdAt: now, expiresAt: expiresAt, keys: [1])
            await intake.install(release.bytes, as: release.name)
            let api = try api(store, intake: intake)
            #expect(await get(api, "/v1/status").text.contains(#""release_expired":\#(isExpired)"#))
            let metrics = await get(api, "/metrics").text
            #expect(metrics.contains("vaho_release_expires_timestamp_seconds \(Double(expiresAt.ms / 1_000))\n"), "\(metrics)")
        }
    }
}

import Foundation
import HTTPClient
import Measures
import Testing
import Wire

/// One device or a stranger attacks a running cloud; a second device is served as before.
@Suite(.serialized) struct HostileClientTests {
    private let now = Int64(Date().timeIntervalSince1970 * 1_000)

    private func readings(_ first: Int64, _ count: Int, sensors: [String] = ["air"], epoch: UInt64 = 7) throws -> Batch {
        let names = try sensors.map { try #require(SensorName($0)) }
        let rows = (0..<count).map {
            Batch.Row.reading(sensor: $0 % names.count, Reading(takenAt: Instant(ms: now - 3_600_000 + Int64($0) * 1_000), humidityMpct: 45_000))
        }
        return Batch(epoch: Epoch(bits: epoch), first: first, sensors: names, rows: rows)
    }

    private struct Sender: Sendable {
        let port: Int
        let device: String
        let token: String
        let client = HTTPClient(settings: HTTPClient.Settings(userAgent: "sender"))

        func post(_ body: [UInt8], type: String = BatchFormat.mediaType, path: String = "batches") async throws -> HTTPClient.Response {
            let url = "http://127.0.0.1:\(port)/v1/devices/\(device)/\(path)"
            let headers = [(name: "Authorization", value: "Bearer \(token)"), (name: "Content-Type", value: type)]
            return try await client.send(HTTPClient.Request(method: "POST", url: url, headers: headers, body: body))
        }
    }

    private func senders(_ cloud: Cloud) throws -> (good: Sender, bad: Sender) {
        (
            Sender(port: cloud.port, device: "good", token: try cloud.add("good")),
            Sender(port: cloud.port, device: "bad", token: try cloud.add("bad"))
        )
    }

    private func text(_ response: HTTPClient.Response) -> String { String(decoding: response.body, as: UTF8.self) }

    @Test(.timeLimit(.minutes(2))) func `a device that floods many connections delays only itself, and others' batches are answered`() async throws {
        let cloud = Cloud()
        try await cloud.start()
        let (good, bad) = try senders(cloud)
        let records = (0..<2_000).map { _ in #"{"sequence":1,"kind":""}"# }.joined(separator: ",")
        let costly = Array(
            #"{"version":1,"epoch":"00000000000000aa","first":1,"sensors":["a"],"sensor":[],"taken_at_ms":[],"humidity_mpct":[],"records":[\#(records)]}"#
                .utf8)
        // Each batch of 5,000 records counts as 83 ms of work on any host, so a few per second are too many.
        let air = try #require(SensorName("air"))
        let hole = Hole(sensor: air, reason: .sensorError, from: Instant(ms: now - 2_000), to: Instant(ms: now - 1_000), count: 1)
        let long = Batch(epoch: Epoch(bits: 9), first: 1, sensors: [air], rows: Array(repeating: .record(.hole(hole)), count: 5_000)).binary()
        try await withThrowingTaskGroup(of: [Int].self) { group in
            for _ in 0..<16 {
                group.addTask {
                    let sender = Sender(port: bad.port, device: "bad", token: bad.token)
                    var statuses: [Int] = []
                    while !Task.isCancelled {
                        // The last request is cancelled while it is under way.
                        guard let first = try? await sender.post(costly, type: "application/json").status else { break }
                        statuses.append(first)
                        guard let second = try? await sender.post(long).status else { break }
                        statuses.append(second)
                    }
                    return statuses
                }
            }
            for sequence in 1...40 as ClosedRange<Int64> { #expect(try await good.post(readings(sequence, 1).binary()).status == 200) }
            // The flood is charged for its own cost, and requests beyond its share are refused unread.
            _ = try await seen("a 429 for the flood") { try await bad.post(costly, type: "application/json").status == 429 ? true : nil }
            // A revoked device is refused at once.
            #expect(try cloud.run("device", "revoke", "bad").code == 0)
            _ = try await seen("a 403 for the flood") { try await bad.post(costly, type: "application/json").status == 403 ? true : nil }
            group.cancelAll()
            var statuses: [Int] = []
            while let some = try await group.next() { statuses += some }
            #expect(statuses.count > 100 && Set(statuses).isSubset(of: [200, 400, 403, 429]))
        }
        #expect(try await cloud.stop() == 0)  // a clean stop: a stop that hangs is ended by force, with code 1
    }

    @Test(.timeLimit(.minutes(1))) func `quotas are reported by row, by header, by command and by metric`() async throws {
        let cloud = Cloud()
        let settings = ["VAHO_SENSORS_PER_DEVICE": "2", "VAHO_DEVICE_MB_PER_DAY": "1"]
        try await cloud.start(settings)
        let (good, bad) = try senders(cloud)
        let answer = try await bad.post(readings(1, 4, sensors: ["a", "b", "c", "d"]).binary())
        #expect(text(answer).contains(#""refused":[{"sequence":3,"reason":"unknown_sensor"},{"sequence":4,"reason":"unknown_sensor"}]"#))
        let plain = try await bad.post(Array(#"{"sensor":"e","humidity_pct":50}"#.utf8), type: "application/json", path: "readings")
        #expect(plain.status == 400 && text(plain).contains(#""pointer":"/sensor""#) && text(plain).contains("VAHO_SENSORS_PER_DEVICE"))
        let both = try await bad.post(
            Array(#"{"readings":[{"sensor":"a","humidity_pct":50},{"sensor":"e","humidity_pct":50}]}"#.utf8), type: "application/json",
            path: "readings")
        #expect(both.status == 200 && text(both).contains(#""refused":[{"index":1,"reason":"unknown_sensor""#))

        // One megabyte a day at 16 bytes a reading is 62,500 readings.
        var refused: HTTPClient.Response?
        for first in stride(from: 5 as Int64, through: 200_000, by: 9_000) where refused == nil {
            let response = try await bad.post(readings(first, 9_000, sensors: ["a"]).binary())
            if response.status == 429, text(response).contains("VAHO_DEVICE_MB_PER_DAY") { refused = response }
        }
        let wait = try #require(refused?.headers["retry-after"].flatMap { Int($0) })
        #expect((1...86_400).contains(wait))
        let shown = try RunningProgram.run("vaho-cloud", ["device", "show", "bad"], environment: cloud.environment.merging(settings) { $1 })
        #expect(shown.output.contains("refused until midnight UTC"))
        #expect(try await cloud.metric("vaho_devices_over_quota") == 1)
        #expect(try await good.post(readings(1, 10).binary()).status == 200)
        #expect(try await cloud.stop() == 0)
    }

    @Test(.timeLimit(.minutes(1))) func `a disk with less free space than the limit accepts nothing, and the answer says so`() async throws {
        let cloud = Cloud()
        try await cloud.start(["VAHO_STORE_FREE_MB": "1000000"])
        let token = try cloud.add("good")
        let sender = Sender(port: cloud.port, device: "good", token: token)
        let refused = try await sender.post(readings(1, 1).binary())
        #expect(refused.status == 503 && text(refused).contains("VAHO_STORE_FREE_MB") && refused.headers["retry-after"] == "60")
        #expect(try await cloud.request("GET", "/readyz").status == 503)
        #expect(try await cloud.request("GET", "/livez").status == 200)
        #expect(try await cloud.stop() == 0)
    }

    @Test(.timeLimit(.minutes(1))) func `two hosts that send as one device are reported in list, API, metrics and log`() async throws {
        let cloud = Cloud()
        try await cloud.start()
        let sender = Sender(port: cloud.port, device: "twin", token: try cloud.add("twin"))
        for turn in 0..<4 as Range<Int64> {
            for host in [1, 2] as [UInt64] {
                let reading = Reading(takenAt: Instant(ms: now - 100_000 + turn * 2_000 + Int64(host) * 1_000), humidityMpct: Int32(host) * 10_000)
                let batch = Batch(
                    epoch: Epoch(bits: host), first: turn + 1, sensors: [try #require(SensorName("air"))], rows: [.reading(sensor: 0, reading)])
                #expect(try await sender.post(batch.binary()).status == 200)
            }
        }
        #expect(try await cloud.device("twin")["two_hosts"] as? Bool == true)
        #expect(try cloud.run("device", "list").output.contains("duplicate name"))
        let alarms = try await cloud.json("/v1/devices/twin")["alarms"] as? [[String: Any]] ?? []
        #expect(alarms.first?["kind"] as? String == "two_hosts")
        #expect(try await cloud.metric("vaho_devices_of_two_hosts") == 1)
        _ = try await seen("the two hosts in the log") { cloud.program?.log.contains("two hosts send as one device") == true ? true : nil }
        #expect(try await cloud.stop() == 0)
    }

    @Test(.timeLimit(.minutes(1))) func `an archive without its key does not start, and only a command makes a new key`() async throws {
        let cloud = Cloud()
        try await cloud.start()
        _ = try cloud.add("good")
        #expect(try await cloud.stop() == 0)
        let folder = "\(cloud.folder)/cloud"
        #expect(try permissions(folder + "/archive.sqlite") & 0o007 == 0)
        #expect(try permissions(folder + "/release-signing.key") == 0o600)
        try FileManager.default.removeItem(atPath: folder + "/release-signing.key")
        let refused = try RunningProgram.run("vaho-cloud", ["serve", "--listen", "127.0.0.1:0"], environment: cloud.environment)
        #expect(
            refused.code == 1 && refused.errors.contains("the signing key of this archive is missing")
                && refused.errors.contains("vaho-cloud keys new"))
        #expect(try cloud.run("keys", "new").code == 0)
        try await cloud.start()
        #expect(try await cloud.stop() == 0)
    }

    private func permissions(_ path: String) throws -> Int {
        try #require(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int)
    }

    @Test func `a configuration with CR LF line ends is read, and a setting given twice is an error`() throws {
        let folder = FileManager.default.temporaryDirectory.path + "/vaho-crlf-\(UInt64.random(in: 0...(.max)))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let path = folder + "/c.conf"
        for (text, words) in [
            ("\u{FEFF}# my cloud\r\nVAHO_STORE=sqlite:\(folder)/s\r\nNONSENSE\r\n", ":3: expected VAHO_NAME=value"),
            ("# my cloud\r\nVAHO_TLS_CERT_FILE=/nonexistent\r\n", "set both"),
            ("VAHO_LISTEN=127.0.0.1:0\nVAHO_LISTEN=127.0.0.1:1\n", ":2: VAHO_LISTEN is set twice"),
        ] {
            try text.write(toFile: path, atomically: true, encoding: .utf8)
            let result = try RunningProgram.run("vaho-cloud", ["serve", "--config", path], environment: ["VAHO_STORE": "sqlite:\(folder)/s"])
            #expect(result.code == 2 && result.errors.contains(words), "\(result.errors)")
        }
        let key = "c2b96259170fade9e35082865973dd14c1a381f66c20ef0c4e610d07c3cfd8ef"
        try "\u{FEFF}# keys\r\n\(key)\r\n".write(toFile: path, atomically: true, encoding: .utf8)
        let trusted = try RunningProgram.run("vaho-edge", ["model", "trust", path], environment: ["VAHO_STATE_DIR": folder + "/edge"])
        #expect(trusted.code == 0 && trusted.output.contains("1 key is trusted"), "\(trusted.errors)")
    }
}

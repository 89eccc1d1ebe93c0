import Access
import ArchiveExamples
import Foundation
import HTTPServer
import Measures
import Pipeline
import Runtime
import Testing

@testable import API
@testable import Archive

/// Files of third-party loggers by HTTP.
@Suite(.timeLimit(.minutes(1))) struct FileAPITests {
    private let place = TemporaryArchive()

    private struct Bench {
        let archive: Archive
        let respond: HTTPHandler
        let tokens: [Role: String]

        func send(
            _ path: String, query: [String: String] = [:], _ file: String, as role: Role = .admin
        ) async throws -> (status: Int, json: [String: Any]) {
            let headers = ["authorization": "Bearer \(tokens[role] ?? "")", "content-type": "text/csv"]
            let answer = await respond(
                HTTPRequest(method: "POST", path: path, query: query, headers: headers, peer: "192.0.2.7", body: Array(file.utf8)))
            return (answer.status, try #require(try JSONSerialization.jsonObject(with: Data(answer.body.bytes)) as? [String: Any]))
        }
    }

    private func withBench(_ test: @escaping @Sendable (Bench) async throws -> Void) async throws {
        let archive = try await place.open()
        _ = try await archive.addDevice(#require(DeviceID("attic")), by: .named("test"), now: WallClock.now)
        var tokens: [Role: String] = [:]
        for role in [Role.viewer, .admin] {
            tokens[role] = try await archive.addAPIToken(role.rawValue, role, expiresAt: nil, by: .named("test"), now: WallClock.now)
        }
        let space = FreeSpaceGuard(folder: FileManager.default.temporaryDirectory.path, minimumFreeBytes: 0)
        let ingest = Ingest(archive: archive, wake: Inbox(limit: 1), freeSpaceGuard: space, log: Log("test", minimumLevel: .error))
        let api = CloudAPI.example(place, archive, reader: try await place.open(.readOnly), ingest: ingest)
        let bench = Bench(archive: archive, respond: api.responder, tokens: tokens)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { do { try await ingest.run() } catch is CancellationError {} }
            try await test(bench)
            group.cancelAll()
        }
    }

    /// A logger's file with one reading every ten minutes until now. It has decimal commas, dates with the day first, and no time zone.
    private static func file(days: Int) -> String {
        var text = "Logger;Vault 3\nDatum;Uhrzeit;Temperatur °C;Feuchte %\n"
        let start = WallClock.now.ms / 600_000 * 600_000 - Int64(days) * 86_400_000
        for number in 0..<(days * 144) {
            let date = Date(timeIntervalSince1970: Double(start + Int64(number) * 600_000) / 1_000)
            let parts = ISO8601DateFormatter().string(from: date).split(whereSeparator: { "-T:Z".contains($0) })
            let humidity = 50 + 8 * sin(Double(number) / 144 * 2 * .pi)
            text +=
                "\(parts[2]).\(parts[1]).\(parts[0]);\(parts[3]):\(parts[4]):00;19,5;\(String(format: "%.1f", humidity).replacing(".", with: ","))\n"
        }
        return text
    }

    @Test func `a preview shows the layout, lists the open questions, and has a forecast`() async throws {
        try await withBench { bench in
            let (status, preview) = try await bench.send("/v1/files/preview", Self.file(days: 12), as: .viewer)
            #expect(status == 200)
            #expect(preview["questions"] as? [String] == ["zone"] && preview["header_line"] as? Int == 2)
            #expect(preview["readings"] as? Int == 12 * 144 && preview["unreadable"] as? Int == 0)
            let layout = preview["layout"] as? [[String: String]] ?? []
            #expect(layout.contains(["what": "decimals", "value": "comma"]))
            let forecast = try #require(preview["forecast"] as? [String: Any])
            let humidity = try #require(forecast["humidity_pct"] as? [[Double]])
            #expect(humidity.count == 54 && humidity.allSatisfy { $0.count == 7 && $0 == $0.sorted() && (30...70).contains($0[3]) })
            #expect(try await bench.archive.totals().readings == 0, "a preview stores nothing")
        }
    }

    @Test func `an import stores the readings once, and is in the audit log`() async throws {
        try await withBench { bench in
            let file = Self.file(days: 2)
            #expect(try await bench.send("/v1/devices/attic/files", query: ["zone": "UTC"], file, as: .viewer).status == 403)
            let unclear = try await bench.send("/v1/devices/attic/files", file)
            #expect(unclear.status == 422 && "\(unclear.json["detail"] ?? "")".contains("zone="))
            for (stored, before) in [(288, 0), (0, 288)] {
                let (status, done) = try await bench.send(
                    "/v1/devices/attic/files", query: ["zone": "UTC", "sensor": "shelf", "name": "vault\n3.csv"], file)
                #expect(status == 200 && done["stored"] as? Int == stored && done["stored_before"] as? Int == before, "\(done)")
            }
            let entry = try await bench.archive.audit(containing: "imported", limit: 9)
            #expect(entry.count == 2 && entry[0].author == "token admin" && entry[0].subject == "attic/shelf")
            #expect(entry[0].detail.contains("288 readings from vault") && !entry[0].detail.contains("\n"))
        }
    }

    @Test(
        arguments: [
            ("/v1/files/preview", [:], "no table at all", 422), ("/v1/files/preview", [:], "", 422),
            ("/v1/files/preview", ["zone": "Mars/Base"], "time;humidity\n", 422), ("/v1/files/preview", ["dates": "dym"], "time;humidity\n", 422),
            ("/v1/devices/attic/files", ["sensor": "A b"], "x", 400), ("/v1/devices/nobody/files", [:], "x", 404),
            ("/v1/devices/attic/files", ["zone": "UTC"], "Time;Humidity %\n01.02.2026 10:00;40\n02.03.2026 11:00;41\n03.04.2026 11:00;41\n", 200),
            ("/v1/devices/attic/files", ["zone": "UTC"], "Time,Humidity %\n05/06/2026 10:00,40\n05/06/2026 11:00,41\n", 422),
        ] as [(String, [String: String], String, Int)])
    func `an ambiguous or invalid file is refused with a hint`(path: String, query: [String: String], file: String, expected: Int) async throws {
        try await withBench { bench in
            let (status, answer) = try await bench.send(path, query: query, file)
            #expect(status == expected, "\(answer)")
            if status != 200 { #expect(answer["detail"] as? String != nil) }
        }
    }

    @Test func `a forecast has the levels that are asked for`() async throws {
        try await withBench { bench in
            _ = try await bench.send("/v1/devices/attic/files", query: ["zone": "UTC"], Self.file(days: 3))
            while try await bench.archive.apply(bench.archive.nextDerivationStep(limit: 100)) {}
            func forecast(_ levels: String) async -> (status: Int, text: String) {
                let headers = ["authorization": "Bearer \(bench.tokens[.viewer] ?? "")"]
                let answer = await bench.respond(
                    HTTPRequest(
                        method: "GET", path: "/v1/devices/attic/forecast", query: ["levels": levels, "horizon": "PT1H"], headers: headers,
                        peer: "192.0.2.7"))
                return (answer.status, String(decoding: answer.body.bytes, as: UTF8.self))
            }
            let answer = await forecast("0.1,0.175,0.25,0.5")
            #expect(answer.status == 200 && answer.text.contains(#""levels":[0.1,0.175,0.25,0.5]"#), "\(answer.text)")
            struct Forecast: Decodable { let humidity_pct: [[Double]] }
            for row in try JSONDecoder().decode(Forecast.self, from: Data(answer.text.utf8)).humidity_pct {
                #expect(abs(row[1] - (row[0] + row[2]) / 2) < 0.011, "half way between two levels of the model")
            }
            for wrong in ["", "0.5,0.1", "0.01", "0.5,x", "0.99", Array(repeating: "0.5", count: 30).joined(separator: ",")] {
                #expect(await forecast(wrong).status == 422, "\(wrong)")
            }
        }
    }
}

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

    /// Sends a file as the body of a request.
    private static func send(
        _ bench: TokenBench, _ path: String, query: [String: String] = [:], _ file: String, as role: Role = .admin
    ) async throws -> (status: Int, json: [String: Any]) {
        let (status, text) = await bench.send("POST", path, query: query, file, as: role, type: "text/csv")
        return (status, try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]))
    }

    private func withBench(_ test: @escaping @Sendable (TokenBench) async throws -> Void) async throws { try await TokenBench(place).run(test) }

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
            let (status, preview) = try await Self.send(bench, "/v1/files/preview", Self.file(days: 12), as: .viewer)
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
            #expect(try await Self.send(bench, "/v1/devices/attic/files", query: ["zone": "UTC"], file, as: .viewer).status == 403)
            let unclear = try await Self.send(bench, "/v1/devices/attic/files", file)
            #expect(unclear.status == 422 && "\(unclear.json["detail"] ?? "")".contains("zone="))
            for (stored, before) in [(288, 0), (0, 288)] {
                let (status, done) = try await Self.send(
                    bench, "/v1/devices/attic/files", query: ["zone": "UTC", "sensor": "shelf", "name": "vault\n3.csv"], file)
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
            let (status, answer) = try await Self.send(bench, path, query: query, file)
            #expect(status == expected, "\(answer)")
            if status != 200 { #expect(answer["detail"] as? String != nil) }
        }
    }

    @Test func `a forecast has the levels that are asked for`() async throws {
        try await withBench { bench in
            _ = try await Self.send(bench, "/v1/devices/attic/files", query: ["zone": "UTC"], Self.file(days: 3))
            while try await bench.archive.apply(bench.archive.nextDerivationStep(limit: 100)) {}
            func forecast(_ levels: String) async -> (status: Int, text: String) {
                await bench.send("GET", "/v1/devices/attic/forecast", query: ["levels": levels, "horizon": "PT1H"], as: .viewer)
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

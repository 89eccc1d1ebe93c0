import Archive
import ArchiveExamples
import Foundation
import HTTPServer
import Measures
import Testing
import Wire

@testable import API
@testable import Archive

/// Observations of a period: means, minima and maxima of spans.
@Suite(.timeLimit(.minutes(1))) struct ObservationQueryTests {
    private let place = TemporaryArchive()
    private static let start = Int64(1_790_000_000 / 86_400) * 86_400_000  // midnight

    /// The sensor air of the device vault, with a year of ten minutes: the humidity counts up from 0 within each day.
    private func respond(days: Int64) async throws -> HTTPHandler {
        let archive = try await place.open()
        let device = try await place.device(archive, "vault")
        try await archive.addDays(days, of: device, from: Self.start)
        return CloudAPI.example(place, archive, reader: try await place.open(.readOnly)).responder
    }

    private func get(_ respond: HTTPHandler, _ query: [String: String], accept: String = "application/json") async -> HTTPResponse {
        await respond(HTTPRequest(method: "GET", path: "/v1/devices/vault/observations", query: query, headers: ["accept": accept]))
    }

    private static func time(_ hours: Int64) -> String {
        ISO8601DateFormatter().string(from: Date(timeIntervalSince1970: Double(start / 1_000 + hours * 3_600)))
    }

    @Test func `spans have the mean of their observations, and the extremes of their readings`() async throws {
        let respond = try await respond(days: 2)
        let query = ["from": Self.time(0), "to": Self.time(48), "step": "PT6H"]
        let answer = await get(respond, query)
        let json = try #require(try JSONSerialization.jsonObject(with: Data(answer.body.bytes)) as? [String: Any])
        #expect(json["step_s"] as? Int == 21_600)
        #expect(json["time"] as? [String] == (1...8).map { Self.time($0 * 6) })
        // Observation n of a day is n/2 %, and its readings are 1 % below and above.
        #expect((json["humidity_pct"] as? [Double])?.prefix(2) == [9.25, 27.25])
        #expect((json["humidity_min_pct"] as? [Double])?.prefix(2) == [-0.5, 17.5])
        #expect((json["humidity_max_pct"] as? [Double])?.prefix(2) == [19, 37])
        #expect(json["observations"] as? [Int] == [Int](repeating: 36, count: 8))
        #expect((json["temperature_c"] as? [Double])?.allSatisfy { $0 == 20 } == true)

        let csv = await get(respond, query, accept: "text/csv")
        let lines = String(decoding: csv.body.bytes, as: UTF8.self).split(separator: "\n")
        #expect(csv.headers.contains { $0 == ("Content-Type", "text/csv; charset=utf-8") } && csv.headers.contains { $0 == ("Vary", "Accept") })
        #expect(lines.count == 9 && lines[1] == "\(Self.time(6)),9.250,-0.500,19.000,20.000,36")
        let newest = await get(respond, ["hours": "1"], accept: "text/csv,*/*;q=0.1")
        #expect(String(decoding: newest.body.bytes, as: UTF8.self).split(separator: "\n").count == 7)
    }

    @Test func `without a step, a year comes in at most two thousand points`() async throws {
        let respond = try await respond(days: 365)
        let answer = await get(respond, ["from": Self.time(0), "to": Self.time(365 * 24)])
        let json = try #require(try JSONSerialization.jsonObject(with: Data(answer.body.bytes)) as? [String: Any])
        #expect(json["step_s"] as? Int == 21_600 && (json["time"] as? [String])?.count == 1_460)
    }

    @Test(arguments: [
        (["from": "yesterday"], "from=yesterday"), (["step": "PT1M"], "step=PT1M"), (["step": "PT15M"], "multiple of the sensor's step"),
        (["from": time(0), "to": time(365 * 24), "step": "PT10M"], "at most 2000"), (["hours": "3", "step": "PT1H"], "either hours"),
        (["from": time(5), "to": time(5)], "before"), (["from": "0001-01-01T00:00:00Z"], "from"), (["until": "x"], "«until»"),
    ])
    func `a query that cannot be answered is refused with the reason`(query: [String: String], words: String) async throws {
        let answer = await get(try await respond(days: 1), query)
        let text = String(decoding: answer.body.bytes, as: UTF8.self)
        #expect([400, 422].contains(answer.status) && text.contains(words), "\(text)")
    }
}

extension Archive {
    /// A sensor with an observation each ten minutes, whose readings differ by 1 % from it.
    fileprivate func addDays(_ days: Int64, of device: Int64, from start: Int64) throws {
        try database.transaction {
            try database.run(
                """
                INSERT INTO sensor (id, device, name, kind, driver, serial, place, step_s, observations, last_at_ms, reported, observed, quiet)
                VALUES (?1, ?1, 'air', 'test', '', '', '', 600, ?2, ?3, 0, 1, 0)
                """, device, days * 144, start + days * 86_400_000)
            try database.changeEach(
                """
                INSERT INTO observation_bin (device, sensor, valid_at_ms, readings, failed, humidity_sum_mpct, humidity_min_mpct, humidity_max_mpct,
                    temperature_readings, temperature_sum_mc) VALUES (?, ?, ?, 2, 0, ?, ?, ?, 2, 40000)
                """,
                (1...days * 144).map { number in
                    let mpct = number % 144 * 500
                    return [
                        .integer(device), .integer(device), .integer(start + number * 600_000), .integer(2 * mpct), .integer(mpct - 1_000),
                        .integer(mpct + 1_000),
                    ]
                })
        }
    }
}

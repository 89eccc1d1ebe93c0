import Access
import ArchiveExamples
import Foundation
import HTTPServer
import Measures
import Runtime
import Testing

@testable import API
@testable import Archive

/// Changes of devices by HTTP.
@Suite(.timeLimit(.minutes(1))) struct DeviceChangeAPITests {
    private let place = TemporaryArchive()

    private func bench() async throws -> TokenBench { try await TokenBench(place) }

    @Test func `a device is moved, renamed and deleted, and each change is in the audit log`() async throws {
        let bench = try await bench()
        let moved = await bench.send("PUT", "/v1/devices/attic/place", #"{"place": "Depot 2", "reason": "new shelf"}"#)
        #expect(moved.status == 200 && moved.text.contains(#""place":"Depot 2""#))
        #expect(await bench.send("GET", "/v1/devices", query: ["text": "depot"]).text.contains(#""id":"attic""#))
        let renamed = await bench.send("POST", "/v1/devices/attic/rename", #"{"name": "loft"}"#)
        #expect(renamed.status == 200 && renamed.text.contains(#""id":"loft""#) && renamed.text.contains(#""former_names":["attic"]"#))
        #expect(await bench.send("GET", "/v1/devices/attic").status == 404)
        // The device still sends under its former name: 404 says that there is no release yet, 403 that the device is not allowed.
        #expect(await statusAfterChange(from: 403) { await bench.send("GET", "/v1/devices/attic/release", token: bench.device).status } == 404)
        #expect(await bench.send("GET", "/v1/devices/loft/release", token: bench.device).status == 404)

        let unconfirmed = await bench.send("DELETE", "/v1/devices/loft", query: ["confirm": "attic"])
        #expect(unconfirmed.status == 422 && unconfirmed.text.contains("confirm=loft"))
        #expect(await bench.send("DELETE", "/v1/devices/loft").status == 400)
        #expect(await bench.send("DELETE", "/v1/devices/loft", query: ["confirm": "loft", "reason": "sold"]).status == 204)
        #expect(await bench.send("DELETE", "/v1/devices/loft", query: ["confirm": "loft"]).status == 404)
        #expect(await statusAfterChange(from: 404) { await bench.send("GET", "/v1/devices/loft/release", token: bench.device).status } == 401)
        let entries = try await bench.archive.audit(containing: "device", limit: 10).reversed()
        #expect(
            entries.map { "\($0.author): \($0.action) \($0.subject), \($0.reason)" } == [
                "test: device added attic, test", "token admin: device moved attic, new shelf",
                "token admin: device renamed loft, by the API", "token admin: device deleted loft, sold",
            ])
    }

    @Test(
        arguments: [
            ("PUT", "/v1/devices/attic/place", #"{"place": "a\nb"}"#, 422, "/place"), ("PUT", "/v1/devices/x/place", #"{"place": "a"}"#, 404, ""),
            ("PUT", "/v1/devices/attic/place", #"{"place": 7}"#, 400, "/place"),
            ("POST", "/v1/devices/attic/rename", #"{"name": "A B"}"#, 400, "/name"),
            ("POST", "/v1/devices/x/rename", #"{"name": "y"}"#, 404, ""), ("POST", "/v1/enrolments", "{}", 400, "/devices"),
            ("POST", "/v1/enrolments", #"{"devices": []}"#, 400, "/devices"),
            ("POST", "/v1/enrolments", #"{"devices": [{"name": "ok"}, {"name": "ok"}]}"#, 422, "/devices/1/name"),
            ("POST", "/v1/enrolments", #"{"devices": [{"name": "ok", "tags": ["a", "B"]}]}"#, 400, "/devices/0/tags/1"),
            ("POST", "/v1/enrolments", #"{"devices": [{"name": "ok"}, {"name": "attic"}]}"#, 409, ""),
        ])
    func `a wrong request is refused with a pointer to the fault`(
        method: String, path: String, body: String, status: Int, pointer: String
    ) async throws {
        let bench = try await bench()
        let answer = await bench.send(method, path, body)
        #expect(answer.status == status, "\(answer.text)")
        #expect(answer.text.contains(#""pointer":"\#(pointer)""#) == !pointer.isEmpty, "\(answer.text)")
        #expect(try await bench.archive.devices().map(\.name.name) == ["attic"])
    }

    @Test func `devices are enrolled by JSON and by CSV`() async throws {
        let bench = try await bench()
        let made = await bench.send(
            "POST", "/v1/enrolments", query: ["expires_in": "P7D"],
            #"{"devices": [{"name": "vault", "tags": ["museum"], "place": "Depot 2"}, {"name": "shed"}]}"#)
        #expect(made.status == 201)
        struct Answer: Decodable {
            struct Device: Decodable { let name, code: String }
            let devices: [Device]
        }
        let codes = try JSONDecoder().decode(Answer.self, from: Data(made.text.utf8)).devices
        #expect(codes.map(\.name) == ["vault", "shed"])
        let enrolled = await bench.send("POST", "/v1/enrol", #"{"code": "\#(codes[0].code)"}"#)
        #expect(enrolled.status == 200 && enrolled.text.contains(#""device":"vault""#))
        let csv = await bench.send("POST", "/v1/enrolments", "name\ncellar\n", type: "text/csv", accept: "text/csv")
        #expect(csv.status == 201 && csv.text.hasPrefix("name,code,tags,place\ncellar,"))
        let wrong = await bench.send("POST", "/v1/enrolments", "name\nCellar\n", type: "text/csv")
        #expect(wrong.status == 422 && wrong.text.contains("line 2: name «Cellar»"))
        let many = "name\n" + (0...1_000).map { "n\($0)\n" }.joined()
        let refused = await bench.send("POST", "/v1/enrolments", many, type: "text/csv")
        #expect(refused.status == 400 && refused.text.contains("1001 devices: expected 1 to 1000"))
    }
}

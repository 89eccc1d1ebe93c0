import APIDocuments
import Archive
import ArchiveExamples
import HTTPServer
import Measures
import Testing

@testable import API

@Suite struct FleetPageTests {
    private let place = TemporaryArchive()

    /// The names on all pages of a list.
    private func names(_ archive: Archive, _ order: Archive.FleetOrder, _ filter: Archive.FleetFilter, limit: Int) async throws -> [String] {
        var (names, after) = ([String](), Archive.FleetCursor?.none)
        repeat {
            let page = try await archive.fleet(order, filter, after: after, limit: limit, now: place.now)
            #expect(page.devices.count == limit || page.next == nil)
            names += page.devices.map(\.device.name.name)
            after = page.next
        } while after != nil
        return names
    }

    @Test func `pages of any size list each device once, in both orders and with filters`() async throws {
        let archive = try await place.open()
        let all = (1...25).map { "hall-\($0)" } + ["attic", "100_percent", "100xpercent"]
        for name in all { _ = try await place.device(archive, name) }
        let attic = try #require(DeviceID("attic"))
        let heard = try #require(try await archive.device(named: attic)).id
        try await place.report(archive, heard, at: place.now)
        try await archive.updateDeviceStates(now: place.now)
        for limit in [1, 3, 28, 100] {
            #expect(try await names(archive, .name, Archive.FleetFilter(), limit: limit) == all.sorted())
            #expect(try await names(archive, .worstFirst, Archive.FleetFilter(), limit: limit).sorted() == all.sorted())
            #expect(try await names(archive, .name, Archive.FleetFilter(state: .ok), limit: limit) == ["attic"])
            #expect(try await names(archive, .name, Archive.FleetFilter(text: "ALL-2"), limit: limit) == all.sorted().filter { $0.contains("all-2") })
            #expect(try await names(archive, .worstFirst, Archive.FleetFilter(text: "100_"), limit: limit) == ["100_percent"], "_ is no wildcard")
            #expect(try await names(archive, .name, Archive.FleetFilter(text: "%"), limit: limit) == [])
        }
        #expect(try await archive.stateCounts().devices == [.ok: 1, .silent: 27])
    }

    @Test func `totals follow every change of a device, and equal a count`() async throws {
        let archive = try await place.open()
        let devices = try await [place.device(archive, "a"), place.device(archive, "b")]
        for device in devices { _ = try await place.ingest(archive, device, place.batch(1...20)) }
        try await place.derive(archive)
        try await archive.updateDeviceStates(now: place.now)
        #expect(try await archive.stateCounts().sensors.values.reduce(0, +) == 2)
        try await archive.revoke(try #require(DeviceID("b")), by: .named("nina"), now: place.now)
        try await archive.updateDeviceStates(now: place.now)
        let counts = try await archive.stateCounts()
        #expect(counts.devices == [.ok: 1, .revoked: 1])
        #expect(counts.sensors.values.reduce(0, +) == 1, "sensors of a revoked device are not counted")
    }

    @Test(arguments: [
        (["state": "bad"], "expected one of ok, revoked"), (["limit": "0"], "1 to 1000"),
        (["text": String(repeating: "x", count: 65)], "at most 64 bytes"),
        (["after": "x y"], "expected the value of"), (["order": "size"], "worst first"),
    ])
    func `a wrong query is refused, and the error names the right values`(query: [String: String], words: String) {
        let error = #expect(throws: Problem.self) { try FleetPage(HTTPRequest(method: "GET", path: "/v1/devices", query: query)) }
        #expect(error?.detail.contains(words) == true, "\(error?.detail ?? "")")
    }
}

import Archive
import ArchiveExamples
import Foundation
import Testing

@testable import API

@Suite struct APIDescriptionTests {
    private let place = TemporaryArchive()

    private func operations() throws -> [String: [String: [String: Any]]] {
        let document = try #require(try JSONSerialization.jsonObject(with: Data(OpenAPI.document)) as? [String: Any])
        #expect(document["openapi"] as? String == "3.1.0")
        return try #require(document["paths"] as? [String: [String: [String: Any]]])
    }

    @Test func `the description lists every status of a batch's answer`() throws {
        let responses = try operations()["/v1/devices/{id}/batches"]?["post"]?["responses"] as? [String: Any]
        #expect(Set(responses?.keys.map { $0 } ?? []) == ["200", "400", "401", "403", "413", "415", "429", "503"])
    }

    @Test func `the description has the server's endpoints with their access and query parameters, and no others`() async throws {
        let archive = try await place.open()
        let endpoints = CloudAPI.example(place, archive, reader: try await place.open(.readOnly)).endpoints.filter { $0.query != nil }
        let operations = try operations()
        let described = operations.flatMap { path, methods in methods.keys.map { "\($0.uppercased()) \(path)" } }
        #expect(Set(described) == Set(endpoints.map { "\($0.method) \($0.path)" }))
        for endpoint in endpoints {
            let operation = try #require(operations[endpoint.path]?[endpoint.method.lowercased()])
            let parameters = (operation["parameters"] as? [[String: Any]] ?? []).map { parameter in
                parameter["$ref"].map { reference in
                    ["sensor", "after", "limit"].first { "\(reference)".hasSuffix("/\($0)") }.map { ["name": $0, "in": "query"] } ?? [:]
                } ?? parameter
            }
            let query = Set(parameters.filter { $0["in"] as? String == "query" }.compactMap { $0["name"] as? String })
            #expect(query == endpoint.query, "\(endpoint.method) \(endpoint.path)")
            let schemes = (operation["security"] as? [[String: Any]] ?? []).flatMap(\.keys)
            let expected: Set<String> =
                switch endpoint.access {
                case .everyone: []
                case .device: ["device"]
                case .people: ["token", "session"]
                }
            #expect(Set(schemes).subtracting(endpoint.access == .everyone ? ["session"] : []) == expected, "\(endpoint.method) \(endpoint.path)")
            let statuses = Set((operation["responses"] as? [String: Any] ?? [:]).keys)
            if endpoint.access != .everyone { #expect(statuses.isSuperset(of: ["401", "403"]), "\(endpoint.method) \(endpoint.path)") }
        }
    }
}

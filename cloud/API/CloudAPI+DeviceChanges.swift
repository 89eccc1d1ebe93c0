internal import APIDocuments
internal import Access
internal import Archive
internal import HTTPServer
internal import Measures
internal import Pipeline
internal import Runtime
internal import Text

/// What an admin may do to a device.
extension CloudAPI {
    var deviceChangeEndpoints: [Endpoint] {
        [
            Endpoint("POST", "/v1/devices/{id}/code", .people(.admin)) { call in try await self.makeCode(call) },
            Endpoint("POST", "/v1/devices/{id}/revoke", .people(.admin)) { call in try await self.revoke(call) },
            Endpoint("PUT", "/v1/devices/{id}/tags", .people(.admin)) { call in try await self.setTags(call) },
        ]
    }

    private func makeCode(_ call: Call) async throws -> HTTPResponse {
        struct Body: Decodable { let expires_in, reason: String? }
        let body = try JSONBody.decode(Body.self, from: call.request, isOptional: true)
        let validity = body.expires_in.map { ISO8601Duration.parse($0) } ?? .seconds(86_400)
        guard let validity, (Duration.seconds(60)...Duration.seconds(90 * 86_400)).contains(validity) else {
            throw Problem(status: 400, detail: "expires_in: expected an ISO 8601 duration from PT1M to P90D", pointer: "/expires_in")
        }
        let name = try CloudAPI.deviceName(call)
        let code = try await archive.makeCode(for: name, validFor: validity, by: call.attribution(body.reason ?? "by the API"), now: call.receivedAt)
        var json = JSONWriter()
        json.object { json in
            json.field("device", name.name)
            json.field("code", code)
            json.field("expires_at", RFC3339.format(ms: (call.receivedAt + validity).ms))
        }
        var response = HTTPResponse.uncached(json.bytes)
        response.status = 201
        return response
    }

    private func revoke(_ call: Call) async throws -> HTTPResponse {
        struct Body: Decodable { let reason: String? }
        let body = try JSONBody.decode(Body.self, from: call.request, isOptional: true)
        let name = try CloudAPI.deviceName(call)
        try await archive.revoke(name, by: call.attribution(body.reason ?? "by the API"), now: call.receivedAt)
        return APIResponse.json(try await archive.perform { try $0.deviceDocument(name.name) })
    }

    private func setTags(_ call: Call) async throws -> HTTPResponse {
        struct Body: Decodable {
            let tags: [String]
            let reason: String?
        }
        let body = try JSONBody.decode(Body.self, from: call.request)
        guard body.tags.count <= Archive.tagsPerDevice else {
            throw Problem(status: 400, detail: "tags: expected at most \(Archive.tagsPerDevice)", pointer: "/tags")
        }
        for (index, tag) in body.tags.enumerated() where !ReleaseAlias.isTag(tag) {
            throw Problem(status: 400, detail: "a tag is \(DeviceID.syntax)", pointer: "/tags/\(index)")
        }
        let name = try CloudAPI.deviceName(call)
        guard let device = try await archive.device(named: name) else { throw Problem.noDevice(name.name) }
        let changes = ReleaseChanges(archive: archive, signer: try await ReleaseSigner(of: archive, keyFile: keyFile))
        return try await changed {
            try await changes.setTags(body.tags, of: device, by: call.attribution(body.reason ?? "by the API"), now: call.receivedAt)
            return APIResponse.json(try await archive.perform { try $0.deviceDocument(name.name) })
        }
    }

    private static func deviceName(_ call: Call) throws -> DeviceID {
        guard let name = DeviceID(call.parameter("id")) else {
            throw Problem(status: 400, detail: "«\(call.parameter("id").prefix(64))» is not a device name: expected \(DeviceID.syntax)")
        }
        return name
    }
}

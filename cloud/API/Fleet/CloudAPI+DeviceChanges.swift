internal import APIDocuments
internal import Access
internal import Archive
internal import HTTPServer
internal import Measures
internal import Pipeline
internal import Runtime
internal import Text

/// Changes of one device, for admins.
extension CloudAPI {
    var deviceChangeEndpoints: [Endpoint] {
        [
            Endpoint("POST", "/v1/devices/{id}/code", .people(.admin)) { call in try await self.makeCode(call) },
            Endpoint("POST", "/v1/devices/{id}/revoke", .people(.admin)) { call in try await self.revoke(call) },
            Endpoint("PUT", "/v1/devices/{id}/tags", .people(.admin)) { call in try await self.setTags(call) },
            Endpoint("PUT", "/v1/devices/{id}/place", .people(.admin)) { call in try await self.move(call) },
            Endpoint("POST", "/v1/devices/{id}/rename", .people(.admin)) { call in try await self.rename(call) },
            Endpoint("DELETE", "/v1/devices/{id}", .people(.admin), query: ["confirm", "reason"]) { call in try await self.delete(call) },
            Endpoint("POST", "/v1/enrolments", .people(.admin), query: ["expires_in", "reason"]) { call in try await self.enrolDevices(call) },
        ]
    }

    private func makeCode(_ call: Call) async throws -> HTTPResponse {
        struct Body: Decodable { let expires_in, reason: String? }
        let body = try JSONBody.decode(Body.self, from: call.request, isOptional: true)
        let validity = try CloudAPI.codeValidity(body.expires_in, pointer: "/expires_in")
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
        return try await answer(name)
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
        let device = try await existingDevice(call)
        let changes = ReleaseChanges(archive: archive, signer: try await ReleaseSigner(of: archive, keyFile: keyFile))
        return try await changed {
            try await changes.setTags(body.tags, of: device, by: call.attribution(body.reason ?? "by the API"), now: call.receivedAt)
            return try await answer(device.name)
        }
    }

    private func move(_ call: Call) async throws -> HTTPResponse {
        struct Body: Decodable {
            let place: String
            let reason: String?
        }
        let body = try JSONBody.decode(Body.self, from: call.request)
        if let problem = DevicePlace.problem(with: body.place) { throw Problem(status: 422, detail: "place: \(problem)", pointer: "/place") }
        let name = try CloudAPI.deviceName(call)
        try await archive.move(name, to: body.place, by: call.attribution(body.reason ?? "by the API"), now: call.receivedAt)
        return try await answer(name)
    }

    private func rename(_ call: Call) async throws -> HTTPResponse {
        struct Body: Decodable {
            let name: String
            let reason: String?
        }
        let body = try JSONBody.decode(Body.self, from: call.request)
        guard let new = DeviceID(body.name) else { throw Problem(status: 400, detail: "name: expected \(DeviceID.syntax)", pointer: "/name") }
        try await archive.rename(
            CloudAPI.deviceName(call), to: new, by: call.attribution(body.reason ?? "by the API"), now: call.receivedAt)
        return try await answer(new)
    }

    /// Responds as soon as the device is removed from the fleet; `DeviceDeletions` deletes the data in the background.
    private func delete(_ call: Call) async throws -> HTTPResponse {
        let name = try CloudAPI.deviceName(call)
        guard call.request.query["confirm"] == name.name else {
            throw Problem(
                status: call.request.query["confirm"] == nil ? 400 : 422,
                detail: "this deletes the device \(name) with all its data: confirm it with the query parameter confirm=\(name)")
        }
        try await archive.beginDeletion(
            of: name, by: call.attribution(call.request.query["reason"] ?? "by the API"), now: call.receivedAt)
        return HTTPResponse(status: 204)
    }

    /// The answer to a change: the changed device.
    private func answer(_ name: DeviceID) async throws -> HTTPResponse {
        APIResponse.json(try await archive.perform { try $0.deviceDocument(name.name) })
    }

    /// The device in the path.
    func existingDevice(_ call: Call) async throws -> Archive.Device { try await archive.existingDevice(CloudAPI.deviceName(call)) }

    /// The name in the path, whether or not there is such a device.
    static func deviceName(_ call: Call) throws -> DeviceID {
        guard let name = DeviceID(call.parameter("id")) else {
            throw Problem(status: 400, detail: "«\(call.parameter("id").prefix(64))» is not a device name: expected \(DeviceID.syntax)")
        }
        return name
    }

    /// - Parameter pointer: to the text in the body; `nil`: the text is a query parameter.
    static func codeValidity(_ text: String?, pointer: String?) throws(Problem) -> Duration {
        guard let text else { return .seconds(86_400) }
        guard let validity = ISO8601Duration.parse(text), (Duration.seconds(60)...Duration.seconds(90 * 86_400)).contains(validity) else {
            throw Problem(status: 422, detail: "expires_in: expected an ISO 8601 duration from PT1M to P90D", pointer: pointer)
        }
        return validity
    }
}

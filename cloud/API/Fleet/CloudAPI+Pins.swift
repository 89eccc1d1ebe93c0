internal import APIDocuments
internal import Access
internal import Archive
internal import HTTPServer
internal import Measures
internal import Pipeline
internal import Text
internal import Wire

/// Releases of single devices.
extension CloudAPI {
    var pinEndpoints: [Endpoint] {
        [
            Endpoint("PUT", "/v1/devices/{id}/pin", .people(.admin)) { call in try await self.pin(call) },
            Endpoint("DELETE", "/v1/devices/{id}/pin", .people(.admin)) { call in try await self.unpin(call) },
        ]
    }

    /// Gives a device a release that does not follow the champion.
    private func pin(_ call: Call) async throws -> HTTPResponse {
        struct Body: Decodable {
            let release: UInt64
            let reason: String?
        }
        let body = try JSONBody.decode(Body.self, from: call.request)
        let device = try await existingDevice(call)
        let changes = ReleaseChanges(archive: archive, signer: try await ReleaseSigner(of: archive, keyFile: keyFile))
        return try await changed {
            let given = try await changes.assign(
                body.release, to: .device(device.name), by: call.attribution(body.reason ?? "pinned by the API"), now: call.receivedAt)
            var json = JSONWriter()
            json.object { json in
                json.field("device", device.name.name)
                json.field("release", given.counter)
                json.field("network_of", body.release)
            }
            return .uncached(json.bytes)
        }
    }

    private func unpin(_ call: Call) async throws -> HTTPResponse {
        let device = try await existingDevice(call)
        let changes = ReleaseChanges(archive: archive, signer: try await ReleaseSigner(of: archive, keyFile: keyFile))
        return try await changed {
            guard try await changes.unpin(.device(device.name), by: call.attribution("unpinned by the API"), now: call.receivedAt) else {
                throw Problem(status: 404, detail: "no release is pinned to the device \(device.name)")
            }
            return HTTPResponse(status: 204)
        }
    }
}

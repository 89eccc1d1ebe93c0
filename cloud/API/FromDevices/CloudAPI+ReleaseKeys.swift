internal import APIDocuments
internal import Archive
internal import HTTPServer
internal import Runtime
internal import TrustedReleases

extension CloudAPI {
    /// `GET /v1/devices/{id}/release-keys`: the key sets that the device needs, oldest first.
    func releaseKeys(_ request: HTTPRequest, _ device: Archive.Device) async throws -> HTTPResponse {
        let text = request.query["after"] ?? "0"
        guard let serial = UInt64(text), serial <= UInt64(Int64.max) else {
            throw Problem(status: 400, detail: "after=\(text.prefix(40)): expected the serial of a key set, or 0", pointer: "/after")
        }
        if try await tokenReader.keySetSerial(of: device.id) != serial { try await archive.setKeySetSerial(serial, of: device.id) }
        let sets = try await tokenReader.keySets(after: serial, limit: ReleaseKeySet.setLimit)
        guard !sets.isEmpty else { return HTTPResponse(status: 204) }
        return APIResponse.text(sets.map(\.text).joined())
    }
}

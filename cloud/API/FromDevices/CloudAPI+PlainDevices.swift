internal import APIDocuments
internal import Archive
internal import FoundationEssentials
internal import HTTPServer
internal import Measures
internal import Page
internal import Pipeline
internal import Runtime
internal import Text
internal import Wire

/// Handles plain readings from devices that cannot run the agent, enrolment of devices without a token, and token renewal.
extension CloudAPI {
    /// `POST /v1/devices/{id}/readings`: one reading, or `{"readings": […]}`.
    func plainReadings(_ request: HTTPRequest, _ device: Archive.Device) async throws -> HTTPResponse {
        return try await queues.devices.run(of: device.id) { _ in
            let now = WallClock.now
            var parsed = try await decodeInTurn(request, device) { try PlainReadings.parse(request.body(), now: now) }
            if !parsed.readings.isEmpty {
                let arrival = Archive.PlainArrival(device: device.id, readings: parsed.readings.map(\.reading), receivedAt: now)
                guard case .plain(let receipt) = try await ingest.submit(.plain(arrival)) else { throw Ingest.Overloaded() }
                charge(device, readings: parsed.readings.count, records: 0)
                parsed.addOutcomes(receipt)
            }
            if let only = parsed.refusalOfOnlyReading { throw only }
            return APIResponse.json(parsed.json)
        }
    }

    /// `POST /v1/enrol`: exchanges a one-time code for a device name, a token and the release keys.
    func enrol(_ request: HTTPRequest) async throws -> HTTPResponse {
        let now = WallClock.now
        try rates.enrolmentsPerAddress.take(RequestRates.key(request.peer), at: now)
        try rates.enrolments.take(0, at: now)
        struct Body: Decodable { let code: String }
        guard let body = try? JSONDecoder().decode(Body.self, from: Data(request.body().prefix(1_024))), body.code.utf8.count <= 64 else {
            throw Problem(status: 400, detail: "expected {\"code\": \"ABCDE-FGHJK\"}", pointer: "/code")
        }
        let keys = try await tokenReader.releaseKeyFile()
        guard let made = try await archive.enrol(code: body.code, from: request.peer, now: now) else {
            let device = try await tokenReader.device(ofCode: body.code)
            if let count = refusedCodes.count(1, of: 0) {
                log(
                    .warning, device == nil ? "enrolment refused: unknown code" : "enrolment refused: code used before or expired",
                    ["device": device?.name ?? "", "from": request.peer, "count": count])
            }
            let what = device == nil ? "this code is not known" : "this code is already used or has expired"
            throw Problem(status: 403, detail: "\(what): vaho-cloud device code \(device?.name ?? "NAME") makes a new one")
        }
        if made.isReissue {
            log(.warning, "enrolment code used again: the token issued before is revoked", ["device": made.device, "from": request.peer])
        } else {
            log(.info, "device enrolled", ["device": made.device])
        }
        return answer(request, Enrolment(device: made.device, token: made.token, releaseKeys: keys))
    }

    /// `POST /v1/devices/{id}/token`: issues a token that replaces the request's own token.
    func newToken(_ request: HTTPRequest, _ device: Archive.Device) async throws -> HTTPResponse {
        try rates.renewals.take(device.id, at: WallClock.now)
        let token = try await archive.rotate(TokenCache.bearerToken(request.headers) ?? "", of: device.id, now: WallClock.now)
        log(.info, "token renewed", ["device": device.name])
        return answer(request, Enrolment(device: device.name, token: token, releaseKeys: ""))
    }

    private func answer(_ request: HTTPRequest, _ enrolment: Enrolment) -> HTTPResponse {
        if request.headers["accept"]?.hasPrefix(Enrolment.mediaType) == true {
            return HTTPResponse(type: Enrolment.mediaType, body: enrolment.binary())
        }
        var json = JSONWriter()
        json.object { json in
            json.field("device", enrolment.device.name)
            json.field("token", enrolment.token)
            json.field("release_keys", enrolment.releaseKeys)
        }
        return APIResponse.json(json.bytes)
    }
}

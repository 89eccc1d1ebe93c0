internal import Archive
internal import FoundationEssentials
internal import HTTPServer
internal import Measures
internal import Page
internal import Runtime
internal import Signing
internal import Text
internal import Wire

/// What devices ask that cannot run the agent, or do not have a token yet.
extension CloudAPI {
    /// `POST /v1/devices/{id}/readings`: one reading, or `{"readings": […]}`.
    func plainReadings(_ request: HTTPRequest, _ id: String) async throws -> HTTPResponse {
        let device = try await authenticated(request, id)
        let now = LabelClock.wallClock
        let parsed = try PlainReadings.parse(request.body, now: now)
        let stored = try await archive.ingest(plain: parsed.readings, device: device.id, now: now)
        ingest.wakeDerivation()
        var json = JSONWriter()
        json.object { json in
            json.field("stored", stored)
            json.field("duplicates", parsed.readings.count - stored)
            json.array("refused") { json in
                for refusal in parsed.refused {
                    json.object { json in
                        json.field("index", refusal.index)
                        json.field("reason", refusal.reason.name)
                        json.field("detail", refusal.detail)
                    }
                }
            }
        }
        return FaceResponse.json(json.bytes)
    }

    /// `POST /v1/enrol`: a one-time code becomes a device, its token and the release keys.
    func enrol(_ request: HTTPRequest) async throws -> HTTPResponse {
        try enrolmentRate.take(0, at: LabelClock.wallClock)
        struct Body: Decodable { let code: String }
        guard let body = try? JSONDecoder().decode(Body.self, from: Data(request.body)), body.code.utf8.count <= 64 else {
            throw Problem(status: 400, detail: "expected {\"code\": \"ABCDE-FGHJK\"}", pointer: "/code")
        }
        guard let made = try await archive.enrol(code: body.code, now: LabelClock.wallClock) else {
            throw Problem(status: 403, detail: "this code is not known, spent or expired: vaho-cloud device code NAME makes a new one")
        }
        log(.info, "device enrolled", ["device": made.device])
        return answer(request, Enrolment(device: made.device, token: made.token, releaseKeys: releaseKeys))
    }

    /// `POST /v1/devices/{id}/token`: a new token in place of the one it is asked with.
    func newToken(_ request: HTTPRequest, _ id: String) async throws -> HTTPResponse {
        let device = try await authenticated(request, id)
        let token = try await archive.rotate(TokenCache.bearer(request.headers) ?? "", of: device.id, now: LabelClock.wallClock)
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
        return FaceResponse.json(json.bytes)
    }
}

/// Plain JSON of a device that has nothing but HTTP.
struct PlainReadings: Decodable {
    static let limit = 1_000  // readings a request

    struct One: Decodable {
        let sensor: String
        let taken_at: String?
        let taken_at_ms: Int64?
        let humidity_pct: Double?
        let temperature_c: Double?
        let pressure_pa: Double?
    }
    struct Refusal {
        let index: Int
        let reason: Answer.Refused.Reason
        let detail: String
    }
    let readings: [One]

    static func parse(_ body: [UInt8], now: Instant) throws -> (readings: [Archive.PlainReading], refused: [Refusal]) {
        let decoder = JSONDecoder()
        let all: [One]
        do {
            if let one = try? decoder.decode(One.self, from: Data(body)) {
                all = [one]
            } else {
                all = try decoder.decode(PlainReadings.self, from: Data(body)).readings
            }
        } catch let error as DecodingError {
            guard case .malformed(let pointer, let what) = BatchJSON.refusal(error) else { throw error }
            throw Problem(status: 400, detail: "\(pointer.isEmpty ? "the readings" : pointer): \(what)", pointer: pointer)
        }
        guard (1...limit).contains(all.count) else { throw Problem(status: 400, detail: "1 to \(limit) readings a request, \(all.count) came") }
        var (readings, refused): ([Archive.PlainReading], [Refusal]) = ([], [])
        for (index, one) in all.enumerated() {
            do { readings.append(try one.reading(now: now)) } catch {
                refused.append(Refusal(index: index, reason: error.reason, detail: error.detail))
            }
        }
        return (readings, refused)
    }

    struct Fault: Error {
        let reason: Answer.Refused.Reason
        let detail: String
    }
}

extension PlainReadings.One {
    func reading(now: Instant) throws(PlainReadings.Fault) -> Archive.PlainReading {
        func malformed(_ detail: String) -> PlainReadings.Fault { PlainReadings.Fault(reason: .malformed, detail: detail) }
        guard let name = SensorName(sensor) else { throw malformed("sensor: \(SensorName.rule)") }
        var takenAt = now  // a device without a clock: the time of arrival
        if let taken_at {
            guard let ms = RFC3339.parse(taken_at) else { throw malformed("taken_at: expected RFC 3339, such as 2026-11-21T08:00:00Z") }
            takenAt = Instant(ms: ms)
        } else if let taken_at_ms {
            takenAt = Instant(ms: taken_at_ms)
        }
        guard Instant.valid.contains(takenAt) else { throw malformed("taken_at: from 1970 to 2199") }
        guard takenAt <= now + .seconds(86_400) else {
            throw PlainReadings.Fault(reason: .future, detail: "taken_at: more than a day ahead of the server's clock")
        }
        func whole(_ value: Double?, _ factor: Double, _ field: String) throws(PlainReadings.Fault) -> Int32? {
            guard let value else { return nil }
            guard value.isFinite, let whole = Int32(exactly: (value * factor).rounded()) else { throw malformed("\(field): \(value) fits nowhere") }
            return whole
        }
        let humidity = try whole(humidity_pct, 1_000, "humidity_pct")
        let temperature = try whole(temperature_c, 1_000, "temperature_c")
        guard humidity != nil || temperature != nil else { throw malformed("humidity_pct or temperature_c is needed") }
        let isTimed = taken_at != nil || taken_at_ms != nil
        return Archive.PlainReading(
            sensor: name,
            reading: Reading(
                takenAt: takenAt, humidityMpct: humidity, temperatureMc: temperature, pressurePa: try whole(pressure_pa, 1, "pressure_pa"),
                clock: isTimed ? .holdover : .synchronised))
    }
}

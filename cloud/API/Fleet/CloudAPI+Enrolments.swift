internal import APIDocuments
internal import Archive
internal import HTTPServer
internal import Measures
internal import Text

/// `POST /v1/enrolments`: creates many devices at once, and answers with an enrolment code for each.
extension CloudAPI {
    private static let enrolmentBytes = 512 * 1_024

    func enrolDevices(_ call: Call) async throws -> HTTPResponse {
        let validity = try CloudAPI.codeValidity(call.request.query["expires_in"], pointer: nil)
        let devices = try CloudAPI.newDevices(call.request)
        guard (1...Archive.devicesPerEnrolment).contains(devices.count) else {
            throw Problem(
                status: 400, detail: "\(devices.count) devices: expected 1 to \(Archive.devicesPerEnrolment) in one request", pointer: "/devices")
        }
        let codes = try await archive.enrol(
            devices, validFor: validity, by: call.attribution(call.request.query["reason"] ?? "by the API"), now: call.receivedAt)
        var response =
            call.request.prefersCSV
            ? HTTPResponse(
                status: 200, headers: [("Content-Type", "text/csv; charset=utf-8"), ("Cache-Control", "no-store")],
                body: Array(EnrolmentList.csv(devices, codes: codes).utf8))
            : HTTPResponse.uncached(CloudAPI.json(devices, codes, until: call.receivedAt + validity))
        response.status = 201
        return response
    }

    private static func newDevices(_ request: HTTPRequest) throws -> [Archive.NewDevice] {
        if request.headers["content-type"]?.lowercased().hasPrefix("text/csv") == true {
            let bytes = try request.body()
            guard bytes.count <= enrolmentBytes else { throw Problem(status: 413, detail: "the body is longer than \(enrolmentBytes) bytes") }
            do { return try EnrolmentList.devices(in: String(decoding: bytes, as: UTF8.self)) } catch {
                throw Problem(status: 422, detail: "\(error)")
            }
        }
        struct Body: Decodable {
            struct Device: Decodable {
                let name: String
                let tags: [String]?
                let place: String?
            }
            let devices: [Device]
        }
        let body = try JSONBody.decode(Body.self, from: request, limit: enrolmentBytes)
        let devices = try body.devices.enumerated().map { index, device in
            do throws(EnrolmentList.Invalid) {
                return try EnrolmentList.device(name: device.name, tags: device.tags ?? [], place: device.place ?? "")
            } catch {
                throw Problem(status: error.field == "place" ? 422 : 400, detail: "\(error)", pointer: "/devices/\(index)/\(error.field)")
            }
        }
        if let twice = EnrolmentList.firstRepetition(in: devices) {
            throw Problem(status: 422, detail: "\(devices[twice].name) is listed twice", pointer: "/devices/\(twice)/name")
        }
        return devices
    }

    private static func json(_ devices: [Archive.NewDevice], _ codes: [String], until end: Instant) -> [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.field("expires_at", RFC3339.format(ms: end.ms))
            json.array("devices") { json in
                for (device, code) in zip(devices, codes) {
                    json.object { json in
                        json.field("name", device.name.name)
                        json.field("code", code)
                    }
                }
            }
        }
        return json.bytes
    }
}

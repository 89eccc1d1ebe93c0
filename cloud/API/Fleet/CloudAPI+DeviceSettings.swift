internal import APIDocuments
internal import Access
package import Archive
internal import HTTPServer
internal import Measures
internal import Pipeline
internal import Runtime
internal import Text
internal import TrustedReleases
package import Wire

/// Settings that an admin chooses for a device, and that the device fetches after its next batch.
extension CloudAPI {
    var settingsEndpoints: [Endpoint] {
        [
            reading("/v1/devices/{id}/settings") { call in { try $0.settingsDocument(call.parameter("id")) } },
            Endpoint("PUT", "/v1/devices/{id}/settings", .people(.admin)) { call in try await self.setSettings(call) },
            .device("GET", "/settings-file") { call, device in try await self.settingsFile(call, device) },
        ]
    }

    private func setSettings(_ call: Call) async throws -> HTTPResponse {
        struct Body: Decodable {
            let settings: [String: String]
            let reason: String?
        }
        let body = try JSONBody.decode(Body.self, from: call.request)
        guard body.settings.count <= RemoteSetting.settingLimit else {
            throw Problem(status: 400, detail: "settings: expected at most \(RemoteSetting.settingLimit)", pointer: "/settings")
        }
        for (name, value) in body.settings.sorted(by: { $0.key < $1.key }) {
            guard let problem = RemoteSetting.problem(with: name, value) else { continue }
            let escaped = name.replacing("~", with: "~0").replacing("/", with: "~1")
            throw Problem(status: RemoteSetting.isAllowed(name) ? 422 : 400, detail: problem, pointer: "/settings/\(escaped)")
        }
        let name = try CloudAPI.deviceName(call)
        guard try await ReleaseSigner(of: archive, keyFile: keyFile).canSign || body.settings.isEmpty else {
            throw Problem(status: 409, detail: "\(ReleaseSigner.SettingsNotSigned())")
        }
        try await archive.setSettings(body.settings, of: name, by: call.attribution(body.reason ?? "by the API"), now: call.receivedAt)
        return APIResponse.json(try await archive.perform { try $0.settingsDocument(name.name) })
    }

    /// The signed settings. The text has the device's name from the path of the request: a renamed device may still use its former name, and compares the
    /// name in the text with the name that it uses.
    private func settingsFile(_ call: Call, _ device: Archive.Device) async throws -> HTTPResponse {
        guard let wanted = try await tokenReader.settings(of: device.id) else {
            throw Problem(status: 404, detail: "nobody has chosen settings for this device")
        }
        var text = DeviceSettingsText(device: call.parameter("id"), serial: wanted.serial, settings: wanted.settings)
        do { try await ReleaseSigner(of: archive, keyFile: keyFile).sign(&text) } catch let fault as ReleaseSigner.SettingsNotSigned {
            throw Problem(status: 409, detail: "\(fault)")
        }
        return APIResponse.text(text.text)
    }
}

extension Archive {
    func settingsDocument(_ id: String) throws -> [UInt8] {
        guard let name = DeviceID(id), let view = try view(named: name, now: WallClock.now) else { throw Problem.noDevice(id) }
        let wanted = try settings(of: view.device.id)
        var json = JSONWriter()
        json.object { json in
            json.object("settings") { json in
                for (name, value) in (wanted?.settings ?? [:]).sorted(by: { $0.key < $1.key }) { json.field(name, value) }
            }
            json.field("changed_at", wanted.map { RFC3339.format(ms: $0.changedAt.ms) })
            json.field("author", wanted?.author)
            json.field("state", SettingsState(wanted, view.report).rawValue)
            json.field("problem", wanted?.serial == view.report?.settings?.serial ? view.report?.settings?.problem : nil)
        }
        return json.bytes
    }
}

/// Whether a device has taken the settings that an admin wants.
package enum SettingsState: String, Sendable {
    case none  // nobody has chosen settings
    case waiting  // the device has not fetched them yet
    case applied
    case refused
    case unsupported  // the device takes no settings: an earlier program, a device without the agent, or VAHO_REMOTE_SETTINGS=off

    package init(_ wanted: Archive.DeviceSettings?, _ report: DeviceReport?) {
        guard let wanted else {
            self = .none
            return
        }
        guard let report else {
            self = .waiting
            return
        }
        guard let reported = report.settings else {
            self = .unsupported
            return
        }
        self = reported.serial != wanted.serial ? .waiting : reported.problem == nil ? .applied : .refused
    }
}

internal import APIDocuments
internal import Archive
internal import HTTPServer
internal import Measures
internal import Runtime
internal import Wire

/// Finds the device that owns a request's token, and limits how often the device may send requests.
struct DeviceAccess: Sendable {
    let archive: Archive
    let reader: Archive
    let tokens: TokenCache
    let versions: AccessVersions
    let rates: RequestRates
    let refusals: RefusalRecordLimiter
    let log: Log

    /// The device that owns the request's token. The path must have the device's name, or a former one.
    /// - Throws: `Problem` with status 401 or 403; `RateLimit.Exceeded`.
    func device(of call: Call) async throws -> Archive.Device {
        let id = call.parameter("id")
        guard let token = TokenCache.bearerToken(call.request.headers) else {
            await recordRefusal(of: id, "401: the request has no token")
            throw AccessProblem.noDeviceToken
        }
        guard let device = try await device(withToken: token) else {
            await recordRefusal(of: id, "401: the token is not known")
            throw AccessProblem.unknownDeviceToken(of: DeviceID(id))
        }
        guard device.revokedAt == nil else { throw AccessProblem.revoked(device.name) }
        guard device.name.name == id || device.formerNames.contains(id) else {
            await recordRefusal(of: id, "403: the token belongs to another device")
            throw AccessProblem.otherDevice(id)
        }
        try rates.device.take(device.id, at: call.receivedAt)
        try rates.deviceCost.check(device.id, at: call.receivedAt)
        return device
    }

    private func device(withToken token: String) async throws -> Archive.Device? {
        let version = try await versions.current()
        if let known = tokens.device(token, version: version) { return known }
        guard let found = try await reader.device(withToken: token) else {
            tokens.forget(token)
            return nil
        }
        if found.isNew { try await archive.markUsed(token, now: WallClock.now) }
        tokens.keep(token, found.device, version: version)
        return found.device
    }

    /// Records that a request under a device's name was refused: at most once a minute for each name, and ten times a second in all.
    private func recordRefusal(of id: String, _ detail: String) async {
        do {
            // Only names of existing devices are recorded, so that invented names do not use up the limit.
            guard let name = DeviceID(id), try await reader.device(named: name) != nil, refusals.shouldRecord(for: name, at: .now) else { return }
            try await archive.recordRefusal(of: name, detail: detail, now: WallClock.now)
        } catch {
            log(.warning, "refused request not recorded", ["device": id, "error": "\(error)"])
        }
    }
}

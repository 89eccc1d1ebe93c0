internal import APIDocuments
internal import Access
internal import Measures

/// The responses to requests whose sender is unknown or lacks the role.
enum AccessProblem {
    private static let challenge = [(name: "WWW-Authenticate", value: "Bearer")]

    static let noDeviceToken = Problem(
        status: 401, detail: "a device token is needed: send the header Authorization: Bearer TOKEN", headers: challenge)
    static func unknownDeviceToken(of device: DeviceID?) -> Problem {
        Problem(
            status: 401,
            detail: "this token is not known: run vaho-cloud device code \(device?.name ?? "NAME"), then vaho-edge enrol on the device",
            headers: challenge)
    }
    static func revoked(_ name: DeviceID) -> Problem {
        Problem(
            status: 403,
            detail: "the device \(name) has been revoked: undo with vaho-cloud device code \(name), then vaho-edge enrol on the device")
    }
    static func otherDevice(_ id: String) -> Problem {
        Problem(status: 403, detail: "this token belongs to another device, not to \(id.prefix(64))")
    }
    static let signInNeeded = Problem(
        status: 401, detail: "sign in on the page, or send the header Authorization: Bearer TOKEN (vaho-cloud token create makes a token)",
        headers: challenge)
    static let unknownToken = Problem(
        status: 401, detail: "this token is not known, or it has expired: vaho-cloud token create makes a new one", headers: challenge)
    static let deviceToken = Problem(
        status: 403, detail: "this token of a device works only for that device's own requests: vaho-cloud token create makes a token for reading")
    static func roleNeeded(_ role: Role, _ person: Principal.Person) -> Problem {
        person.proof == .anonymous
            ? signInNeeded : Problem(status: 403, detail: "\(person.name) has the role \(person.role.rawValue): this needs the role \(role.rawValue)")
    }
    static let otherSite = Problem(
        status: 403, detail: "this request does not come from the server's own page: sign in there, or use a token instead of the browser's session")
    static let wrongSetupCode = Problem(
        status: 403, detail: "this link was used or has expired: if there is no admin yet, restart vaho-cloud serve, which logs a new one")
    static let wrongPassword = Problem(status: 401, detail: "the name or the password is wrong")
}

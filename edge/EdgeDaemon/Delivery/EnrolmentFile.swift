internal import Console
internal import HTTPClient
internal import Releases
internal import Runtime
internal import Signing
package import Wire

/// The result of an enrolment in the state folder: a settings file, the token, the release keys. The daemon uses these settings unless the
/// configuration overrides them.
package enum EnrolmentFile {
    package static func path(in folder: String) -> String { "\(folder)/enrolment" }
    private static func tokenPath(in folder: String) -> String { "\(folder)/token" }

    /// The settings from an earlier enrolment; empty without one.
    package static func settings(in folder: String) throws -> [String: String] {
        let path = path(in: folder)
        guard Files.exists(path) else { return [:] }
        return try Settings.parse(file: Files.read(path, limit: 1 << 16), path: path)
    }

    /// Exchanges a one-time code for this device's identity at the cloud `url`.
    package static func fetch(_ url: String, code: String, certificateAuthorities: String?) async throws -> Enrolment {
        var http = HTTPClient.Settings(userAgent: "vaho-edge/\(EdgeVersion.text)")
        http.certificateAuthorities = certificateAuthorities
        let isCode = code.utf8.allSatisfy { (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0) || $0 == 45 }
        guard isCode, !code.isEmpty else { throw EnrolmentFault.notACode(code) }
        let response = try await HTTPClient(settings: http).send(
            HTTPClient.Request(
                method: "POST", url: "\(url)/v1/enrol", headers: [("Content-Type", "application/json"), ("Accept", Enrolment.mediaType)],
                body: Array("{\"code\":\"\(code)\"}".utf8)))
        guard response.status == 200 else {
            throw EnrolmentFault.refused(status: response.status, detail: CloudRefusal.problemText(response.body))
        }
        return try Enrolment(binary: response.body)
    }

    /// Writes all files, the settings last, so that the settings never name a missing file.
    package static func write(_ enrolment: Enrolment, url: String, folder: String, extra: [(String, String)]) throws {
        _ = try ReleaseKeyFile.keys(enrolment.releaseKeys, path: "the cloud's answer")
        try Files.createFolder(folder)
        try KeyFiles(folder: folder, configured: nil).replacePinned(enrolment.releaseKeys)
        try Files.replace(tokenPath(in: folder), with: Array((enrolment.token + "\n").utf8), mode: 0o600)
        var lines = ["VAHO_CLOUD_URL=\(url)", "VAHO_DEVICE_ID=\(enrolment.device)", "VAHO_TOKEN_FILE=\(tokenPath(in: folder))"]
        for (name, value) in extra { lines.append("\(name)=\(value)") }
        try Files.replace(path(in: folder), with: Array((lines.joined(separator: "\n") + "\n").utf8))
    }
}

/// Why a device cannot be enrolled.
package enum EnrolmentFault: Error, Equatable, CustomStringConvertible {
    case notACode(String)
    case notAToken
    case incompleteFile
    /// The text says what is wrong with the address.
    case unusableAddress(String)
    case refused(status: Int, detail: String)

    package var description: String {
        switch self {
        case .notACode(let code): "«\(code)» is not a code: expected the form ABCDE-FGHJK"
        case .notAToken: "expected one token on one line"
        case .incompleteFile: "VAHO_CLOUD_URL or VAHO_TOKEN_FILE is missing"
        case .unusableAddress(let problem): problem
        case .refused(let status, let detail): "the cloud answered \(status): \(detail)"
        }
    }
}

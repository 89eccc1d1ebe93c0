internal import APIDocuments
internal import Archive
internal import HTTPServer
internal import Measures
internal import Pipeline
internal import Runtime
internal import Signing
internal import Text

extension CloudAPI {
    /// The instant of a query parameter; the present if the parameter is missing.
    static func instant(_ name: String, _ request: HTTPRequest) throws -> Instant {
        guard let text = request.query[name] else { return WallClock.now }
        guard let ms = RFC3339.parse(text), Instant.valid.contains(Instant(ms: ms)) else {
            throw Problem(status: 400, detail: "\(name)=\(text.prefix(40)): expected a time such as 2026-11-21T04:10:00Z")
        }
        return Instant(ms: ms)
    }

    static func alias(_ request: HTTPRequest) throws -> ReleaseAlias? {
        guard let text = request.query["alias"] else { return nil }
        guard let alias = ReleaseAlias(name: text) else {
            throw Problem(status: 400, detail: "alias=\(text.prefix(80)): expected champion, challenger, device:NAME or tag:TAG")
        }
        return alias
    }

    /// - Throws: `Problem` if the request does not have the operator's token.
    func checkOperator(_ request: HTTPRequest) throws {
        let challenge = [(name: "WWW-Authenticate", value: "Bearer")]
        guard let operatorToken else {
            throw Problem(status: 403, detail: "no program may start runs or change rollouts: set VAHO_OPERATOR_TOKEN_FILE on the server")
        }
        guard let token = TokenCache.bearerToken(request.headers), SHA256.digest(Array(token.utf8)) == operatorToken else {
            throw Problem(status: 401, detail: "the operator's token is needed: send the header Authorization: Bearer TOKEN", headers: challenge)
        }
    }

    /// Starts a training run for another program, which shows the operator's token.
    func startRun(_ request: HTTPRequest) async throws -> HTTPResponse {
        try checkOperator(request)
        do {
            let run = try await archive.startRun(kind: RunWorker.kind, cause: "request", author: "operator token", now: WallClock.now)
            var response = APIResponse.json(try await archive.perform { try $0.runDocument(String(run.id)) })
            response.status = 202
            response.headers.append(("Location", "/v1/runs/\(run.id)"))
            return response
        } catch let error as Archive.RunInProgress {
            throw Problem(status: 409, detail: "\(error)", headers: [("Location", "/v1/runs/\(error.run)")])
        }
    }
}

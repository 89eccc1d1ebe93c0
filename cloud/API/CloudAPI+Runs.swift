internal import APIDocuments
internal import Access
internal import Archive
internal import HTTPServer
internal import Measures
internal import Pipeline
internal import Runtime
internal import Signing
internal import Text

extension CloudAPI {
    var modelEndpoints: [Endpoint] {
        [
            list("/v1/models") { page in { try $0.modelsDocument(page) } },
            reading("/v1/models/history", query: NewestFirst.parameters.union(["alias"])) { call in
                let (alias, page) = (try CloudAPI.alias(call.request), try NewestFirst(call.request))
                return { try $0.aliasHistoryDocument(alias, page) }
            },
            list("/v1/snapshots") { page in { try $0.snapshotsDocument(page) } },
            list("/v1/runs") { page in { try $0.runsDocument(page) } },
            Endpoint("POST", "/v1/runs", .people(.admin)) { call in try await self.startRun(call) },
            reading("/v1/runs/{id}") { call in { try $0.runDocument(call.parameter("id")) } },
        ]
    }

    private static func alias(_ request: HTTPRequest) throws -> ReleaseAlias? {
        guard let text = request.query["alias"] else { return nil }
        guard let alias = ReleaseAlias(name: text) else {
            throw Problem(status: 400, detail: "alias=\(text.prefix(80)): expected champion, challenger, device:NAME or tag:TAG")
        }
        return alias
    }

    /// Starts a training run.
    private func startRun(_ call: Call) async throws -> HTTPResponse {
        do {
            let run = try await archive.startRun(kind: RunWorker.kind, cause: "request", by: call.attribution(""), now: call.receivedAt)
            var response = APIResponse.json(try await archive.perform { try $0.runDocument(String(run.id)) })
            response.status = 202
            response.headers.append(("Location", "/v1/runs/\(run.id)"))
            return response
        } catch let error as Archive.RunInProgress {
            throw Problem(status: 409, detail: "\(error)", headers: [("Location", "/v1/runs/\(error.run)")])
        }
    }
}

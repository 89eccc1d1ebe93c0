internal import APIDocuments
internal import Archive
internal import FoundationEssentials
internal import HTTPServer
internal import Measures
internal import Pipeline
internal import Runtime
internal import Signing
internal import Text
internal import Wire

/// Rollouts and the emergency stop. Changes need the operator's token.
extension CloudAPI {
    private static let author = "operator token"

    func addRolloutRoutes(to router: inout Router) {
        router.on("GET", "/v1/rollouts") { request, _ in try await self.read(request) { try $0.rolloutsDocument() } }
        router.on("POST", "/v1/rollouts") { request, _ in try await self.startRollout(request) }
        router.on("GET", "/v1/rollouts/{id}") { request, parameters in
            let id = parameters["id"] ?? ""
            return try await self.read(request) { try $0.rolloutDocument(id) }
        }
        router.on("POST", "/v1/rollouts/{id}/{action}") { request, parameters in
            try await self.changeRollout(request, parameters["id"] ?? "", parameters["action"] ?? "")
        }
        router.on("GET", "/v1/release-stop") { request, _ in try await self.read(request) { try $0.releaseStopDocument() } }
        router.on("PUT", "/v1/release-stop") { request, _ in
            try self.checkOperator(request)
            let reason = try RolloutRequest(request, default: "emergency stop by the API").reason
            _ = try await self.archive.stopReleases(by: Archive.Attribution(author: CloudAPI.author, reason: reason), now: WallClock.now)
            return APIResponse.json(try await self.archive.perform { try $0.releaseStopDocument() })
        }
        router.on("DELETE", "/v1/release-stop") { request, _ in
            try self.checkOperator(request)
            _ = try await self.archive.endReleaseStop(by: CloudAPI.author, now: WallClock.now)
            return APIResponse.json(try await self.archive.perform { try $0.releaseStopDocument() })
        }
    }

    /// The body of a request that changes rollouts; an empty body is allowed.
    private struct RolloutRequest: Decodable {
        var release: UInt64?
        var tags: [String]?
        var steps: String?
        var reason = ""

        private enum Field: String, CodingKey { case release, tags, steps, reason }

        init(from decoder: any Decoder) throws {
            let fields = try decoder.container(keyedBy: Field.self)
            release = try fields.decodeIfPresent(UInt64.self, forKey: .release)
            tags = try fields.decodeIfPresent([String].self, forKey: .tags)
            steps = try fields.decodeIfPresent(String.self, forKey: .steps)
            reason = try fields.decodeIfPresent(String.self, forKey: .reason) ?? ""
        }

        init(_ request: HTTPRequest, default reason: String) throws {
            let body = try request.body()
            guard body.count <= 4_096 else { throw Problem(status: 413, detail: "the body is longer than 4096 bytes") }
            do { self = try JSONDecoder().decode(RolloutRequest.self, from: Data(body.isEmpty ? Array("{}".utf8) : body)) } catch {
                throw Problem(status: 400, detail: "expected a JSON object with release, tags, steps and reason, all of them optional", pointer: "")
            }
            self.reason = String((self.reason.isEmpty ? reason : self.reason).prefix(500))
            guard tags?.count ?? 0 <= Archive.tagsPerDevice, tags?.allSatisfy(ReleaseAlias.isTag) ?? true else {
                throw Problem(status: 400, detail: "expected at most \(Archive.tagsPerDevice) tags; a tag is \(DeviceID.syntax)", pointer: "/tags")
            }
        }
    }

    private func startRollout(_ request: HTTPRequest) async throws -> HTTPResponse {
        try checkOperator(request)
        let body = try RolloutRequest(request, default: "started by the API")
        guard let release = body.release, release <= UInt64(Int64.max) else {
            throw Problem(status: 400, detail: "expected the counter of a release: GET /v1/models lists the releases", pointer: "/release")
        }
        var steps = rolloutSteps
        if let text = body.steps {
            guard let given = RolloutSteps(text) else { throw Problem(status: 400, detail: "expected \(RolloutSteps.syntax)", pointer: "/steps") }
            steps = given
        }
        return try await changed {
            let id = try await rolloutChanges().start(
                release, tags: body.tags ?? [], steps: steps, by: Archive.Attribution(author: CloudAPI.author, reason: body.reason),
                now: WallClock.now)
            var response = APIResponse.json(try await self.archive.perform { try $0.rolloutDocument(String(id)) })
            response.status = 201
            response.headers.append(("Location", "/v1/rollouts/\(id)"))
            return response
        }
    }

    private func changeRollout(_ request: HTTPRequest, _ text: String, _ action: String) async throws -> HTTPResponse {
        try checkOperator(request)
        guard let id = Int64(text) else { throw Problem(status: 404, detail: "there is no rollout \(text.prefix(40))") }
        let attribution = Archive.Attribution(author: CloudAPI.author, reason: try RolloutRequest(request, default: "\(action) by the API").reason)
        return try await changed {
            let changes = try await rolloutChanges()
            switch action {
            case "pause": try await changes.pause(id, by: attribution, now: WallClock.now)
            case "resume": try await changes.resume(id, by: attribution, now: WallClock.now)
            case "abort": try await changes.abort(id, by: attribution, now: WallClock.now)
            case "promote": try await changes.promote(id, by: attribution, now: WallClock.now)
            default: throw Problem(status: 404, detail: "a rollout has no action \(action.prefix(40)): there are pause, resume, abort and promote")
            }
            return APIResponse.json(try await self.archive.perform { try $0.rolloutDocument(text) })
        }
    }

    private func rolloutChanges() async throws -> RolloutChanges {
        RolloutChanges(archive: archive, signer: try await ReleaseSigner(of: archive, keyFile: keyFile), pretrained: pretrained)
    }

    /// Converts the errors of a change to problems.
    private func changed(_ body: () async throws -> HTTPResponse) async throws -> HTTPResponse {
        do { return try await body() } catch let error as RolloutChanges.NoRollout {
            throw Problem(status: 404, detail: "\(error)")
        } catch let error as ReleaseChanges.NoRelease { throw Problem(status: 404, detail: "\(error)", pointer: "/release") } catch let error
            as Archive.RolloutInProgress
        {
            throw Problem(status: 409, detail: "\(error)", headers: [("Location", "/v1/rollouts/\(error.rollout)")])
        } catch let error as SignatureNeeded {
            throw Problem(status: 409, detail: "\(error)")
        } catch let error as ReleaseChanges.KeysChanged {
            throw Problem(status: 409, detail: "\(error)")
        } catch let error as RolloutChanges.WrongState { throw Problem(status: 409, detail: "\(error)") } catch let error
            as ReleaseChanges.ReleaseBlocked
        {
            throw Problem(status: 409, detail: "\(error)")
        } catch let error as Archive.RolloutMoved { throw Problem(status: 409, detail: "\(error)") }
    }
}

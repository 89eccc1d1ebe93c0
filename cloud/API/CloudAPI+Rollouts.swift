internal import APIDocuments
internal import Access
internal import Archive
internal import HTTPServer
internal import Measures
internal import Pipeline
internal import Runtime
internal import Signing
internal import Text
internal import Wire

/// Rollouts and the emergency stop.
extension CloudAPI {
    var rolloutEndpoints: [Endpoint] {
        [
            list("/v1/rollouts") { page in { try $0.rolloutsDocument(page) } },
            Endpoint("POST", "/v1/rollouts", .people(.admin)) { call in try await self.startRollout(call) },
            reading("/v1/rollouts/{id}") { call in { try $0.rolloutDocument(call.parameter("id")) } },
            Endpoint("POST", "/v1/rollouts/{id}/{action}", .people(.admin)) { call in try await self.changeRollout(call) },
            Endpoint("POST", "/v1/models/rollback", .people(.admin)) { call in try await self.rollBack(call) },
            reading("/v1/release-stop") { _ in { try $0.releaseStopDocument() } },
            Endpoint("PUT", "/v1/release-stop", .people(.admin)) { call in
                let reason = try RolloutRequest(call.request, default: "emergency stop by the API").reason
                _ = try await self.archive.stopReleases(by: call.attribution(reason), now: call.receivedAt)
                return APIResponse.json(try await self.archive.perform { try $0.releaseStopDocument() })
            },
            Endpoint("DELETE", "/v1/release-stop", .people(.admin)) { call in
                _ = try await self.archive.endReleaseStop(by: call.attribution("emergency stop ended by the API"), now: call.receivedAt)
                return APIResponse.json(try await self.archive.perform { try $0.releaseStopDocument() })
            },
        ]
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
            self = try JSONBody.decode(RolloutRequest.self, from: request, isOptional: true)
            self.reason = String((self.reason.isEmpty ? reason : self.reason).prefix(500))
            guard tags?.count ?? 0 <= Archive.tagsPerDevice, tags?.allSatisfy(ReleaseAlias.isTag) ?? true else {
                throw Problem(status: 400, detail: "expected at most \(Archive.tagsPerDevice) tags; a tag is \(DeviceID.syntax)", pointer: "/tags")
            }
        }
    }

    private func startRollout(_ call: Call) async throws -> HTTPResponse {
        let body = try RolloutRequest(call.request, default: "started by the API")
        guard let release = body.release, release <= UInt64(Int64.max) else {
            throw Problem(status: 400, detail: "expected the counter of a release: GET /v1/models lists the releases", pointer: "/release")
        }
        var steps = rolloutSteps
        if let text = body.steps {
            guard let given = RolloutSteps(text) else { throw Problem(status: 422, detail: "expected \(RolloutSteps.syntax)", pointer: "/steps") }
            steps = given
        }
        return try await changed {
            let id = try await rolloutChanges().start(
                release, tags: body.tags ?? [], steps: steps, by: call.attribution(body.reason), now: call.receivedAt)
            var response = APIResponse.json(try await self.archive.perform { try $0.rolloutDocument(String(id)) })
            response.status = 201
            response.headers.append(("Location", "/v1/rollouts/\(id)"))
            return response
        }
    }

    /// Makes the network of the champion before the present one the champion again.
    private func rollBack(_ call: Call) async throws -> HTTPResponse {
        let reason = try RolloutRequest(call.request, default: "rollback by the API").reason
        let changes = ReleaseChanges(archive: archive, signer: try await ReleaseSigner(of: archive, keyFile: keyFile))
        return try await changed {
            do {
                let (earlier, new) = try await changes.rollBack(by: call.attribution(reason), now: call.receivedAt)
                var json = JSONWriter()
                json.object { json in
                    json.field("release", new.counter)
                    json.field("network_of", earlier)
                }
                return .uncached(json.bytes)
            } catch let error as ReleaseChanges.NoEarlierChampion { throw Problem(status: 409, detail: "\(error)") }
        }
    }

    private func changeRollout(_ call: Call) async throws -> HTTPResponse {
        let (text, action) = (call.parameter("id"), call.parameter("action"))
        guard let id = Int64(text) else { throw Problem(status: 404, detail: "there is no rollout \(text.prefix(40))") }
        let attribution = call.attribution(try RolloutRequest(call.request, default: "\(action) by the API").reason)
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

    /// Converts the errors of a change of releases to problems.
    func changed(_ body: () async throws -> HTTPResponse) async throws -> HTTPResponse {
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

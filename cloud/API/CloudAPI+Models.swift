internal import APIDocuments
internal import Archive
internal import Evaluation
internal import HTTPServer
internal import Measures
internal import Pipeline
internal import Runtime
internal import Signing
internal import Text
internal import Wire

/// Documents of releases, their history, snapshots and runs.
extension Archive {
    private static let listLimit = 1_000

    func modelsDocument() throws -> [UInt8] {
        let releases = try releases(limit: Archive.listLimit)
        var json = JSONWriter()
        json.object { json in
            json.array("models") { json in
                for release in releases {
                    json.object { json in
                        json.field("counter", release.name.counter)
                        json.field("sha256", Hexadecimal.text(release.name.sha256))
                        json.field("model_id", release.modelID)
                        json.field("created_at", RFC3339.format(ms: release.createdAt.ms))
                        json.field("snapshot", release.snapshot)
                        json.field("parent", release.parent.isEmpty ? nil : release.parent)
                        json.field("backtest", release.backtest)
                        json.field("run", release.run)
                        json.array("aliases") { json in for alias in release.aliases { json.string(alias) } }
                    }
                }
            }
        }
        return json.bytes
    }

    func aliasHistoryDocument(_ alias: ReleaseAlias?) throws -> [UInt8] {
        let changes = try aliasHistory(of: alias, limit: Archive.listLimit)
        var json = JSONWriter()
        json.object { json in json.array("changes") { json in for change in changes { json.object { Archive.write(change, &$0) } } } }
        return json.bytes
    }

    private static func write(_ change: AliasChange, _ json: inout JSONWriter) {
        json.field("at", RFC3339.format(ms: change.at.ms))
        json.field("alias", change.alias)
        json.field("release", change.counter)
        json.field("author", change.author)
        json.field("reason", change.reason)
    }

    /// Which release a device forecast with at an instant, and why.
    func deviceReleaseDocument(_ id: String, at instant: Instant) throws -> [UInt8] {
        guard let name = DeviceID(id), let device = try device(named: name) else { throw Problem.noDevice(id) }
        guard let found = try release(on: device, at: instant) else {
            throw Problem(status: 404, detail: "\(name) had not reported a release by \(RFC3339.format(ms: instant.ms))")
        }
        var json = JSONWriter()
        json.object { json in
            json.field("device", name.name)
            json.field("at", RFC3339.format(ms: instant.ms))
            json.field("since", RFC3339.format(ms: found.since.ms))
            json.field("release", found.counter)
            json.field("sha256", found.sha256.isEmpty ? nil : found.sha256)
            if let assignment = found.assignment { json.object("assignment") { Archive.write(assignment, &$0) } }
        }
        return json.bytes
    }

    func snapshotsDocument() throws -> [UInt8] {
        let snapshots = try snapshots(limit: Archive.listLimit)
        var json = JSONWriter()
        json.object { json in
            json.array("snapshots") { json in
                for snapshot in snapshots {
                    json.object { json in
                        json.field("sha256", snapshot.sha256)
                        json.field("created_at", RFC3339.format(ms: snapshot.createdAt.ms))
                        json.field("reason", snapshot.reason)
                        json.field("sensors", snapshot.sensors)
                        json.field("weeks", snapshot.weeks)
                        json.field("observations", snapshot.observations)
                        json.field("days", snapshot.days, places: 1)
                    }
                }
            }
        }
        return json.bytes
    }

    func runsDocument() throws -> [UInt8] {
        let runs = try runs(limit: 100)
        var json = JSONWriter()
        json.object { json in json.array("runs") { json in for run in runs { json.object { Archive.write(run, &$0) } } } }
        return json.bytes
    }

    /// A run with its steps, figures, evidence and log.
    func runDocument(_ id: String) throws -> [UInt8] {
        guard let number = Int64(id), let run = try run(number) else { throw Problem(status: 404, detail: "there is no run «\(id.prefix(20))»") }
        let (steps, figures, evidence, messages) = try (steps(of: run.id), figures(of: run.id), evidence(of: run.id), messages(of: run.id))
        var json = JSONWriter()
        json.object { json in
            Archive.write(run, &json)
            json.array("steps") { json in
                for step in steps {
                    json.object { json in
                        json.field("name", step.name)
                        json.field("state", step.state)
                        json.field("attempts", Int64(step.attempts))
                        json.field("started_at", RFC3339.format(ms: step.startedAt.ms))
                        json.field("ended_at", step.endedAt.map { RFC3339.format(ms: $0.ms) })
                        json.field("inputs", step.inputs)
                        json.field("detail", step.detail)
                    }
                }
            }
            json.object("figures") { json in for figure in figures { json.field(figure.name, figure.value) } }
            json.array("evidence") { json in for row in evidence { json.object { Archive.write(row, &$0) } } }
            json.array("log") { json in
                for message in messages {
                    json.object { json in
                        json.field("at", RFC3339.format(ms: message.at.ms))
                        json.field("step", message.step)
                        json.field("message", message.message)
                    }
                }
            }
        }
        return json.bytes
    }

    private static func write(_ run: Run, _ json: inout JSONWriter) {
        json.field("id", run.id)
        json.field("started_at", RFC3339.format(ms: run.createdAt.ms))
        json.field("ended_at", run.endedAt.map { RFC3339.format(ms: $0.ms) })
        json.field("cause", run.cause)
        json.field("author", run.author.isEmpty ? nil : run.author)
        json.field("step", run.endedAt == nil ? TrainingStep(rawValue: run.step)?.name : nil)
        json.field("snapshot", run.snapshot)
        json.field("device_days", run.deviceDays, places: 1)
        json.field("outcome", run.outcome.isEmpty ? nil : run.outcome)
        json.field("detail", run.detail)
        json.field("release", run.release)
    }

    private static func write(_ row: Evidence, _ json: inout JSONWriter) {
        json.field("subject", row.subject.name)
        json.field("targets", Int64(row.targets))
        json.field("blocks", Int64(row.blocks))
        json.field("candidate", row.candidate, places: 4)
        json.field("champion", row.champion, places: 4)
        json.field("change", row.change, places: 4)
        json.field("low", row.low, places: 4)
        json.field("high", row.high, places: 4)
        json.field("allowed_low", row.allowed.lowerBound, places: 4)
        json.field("allowed_high", row.allowed.upperBound, places: 4)
        json.field("status", row.status.rawValue)
    }
}

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

    /// Starts a training run for another program, which shows the operator's token.
    func startRun(_ request: HTTPRequest) async throws -> HTTPResponse {
        let challenge = [(name: "WWW-Authenticate", value: "Bearer")]
        guard let operatorToken else {
            throw Problem(status: 403, detail: "no program may start runs: set VAHO_OPERATOR_TOKEN_FILE on the server")
        }
        guard let token = TokenCache.bearerToken(request.headers), SHA256.digest(Array(token.utf8)) == operatorToken else {
            throw Problem(status: 401, detail: "the operator's token is needed: send the header Authorization: Bearer TOKEN", headers: challenge)
        }
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

internal import HTTPClient
internal import Measures
internal import Releases
internal import Runtime
internal import Wire

/// Carries the log to the cloud, batch by batch, and releases back.
struct Uplink: Service {
    let device: DeviceID
    let url: String  // of the cloud, without a slash at the end
    let token: DeviceToken
    let period: Duration
    let firstBackoff: Duration
    let client: HTTPClient
    let store: ReadingStore
    let intake: ModelIntake
    let clock: LabelClock
    let log: Log

    func run() async throws {
        var plan = UplinkPlan(period: period, phase: phase, firstBackoff: firstBackoff)
        while true {
            try Task.checkCancellation()  // a transfer that was cut off by the stop is no failure to try again
            switch plan.next(lives: await store.allLives) {
            case .wait(let pause): try await Task.sleep(for: pause)
            case .report:
                await attempt(&plan) { plan in try await report(as: await store.current, &plan) }
            case .verify(let number):
                await attempt(&plan) { plan in
                    guard let life = await store.allLives.first(where: { $0.number == number }) else { return plan.verified(number) }
                    try await report(as: life, &plan)
                }
            case .send(let life, let first, let last, let limit):
                await attempt(&plan) { plan in
                    try await send(life, first, last, limit, &plan)
                }
            }
        }
    }

    /// A batch without rows: the answer says what the cloud holds of that life, and which release to run.
    private func report(as life: Life, _ plan: inout UplinkPlan) async throws {
        try await deliver(Batch(epoch: life.epoch, first: life.last + 1, sensors: [], rows: []), life: life.number, &plan)
    }

    /// A device's own place in the period, the same at every start.
    private var phase: Duration {
        let hash = device.name.utf8.reduce(UInt64(14_695_981_039_346_656_037)) { ($0 ^ UInt64($1)) &* 1_099_511_628_211 }  // FNV-1a
        return .milliseconds(Int64(hash % UInt64(max(1, period.ms))))
    }

    private func attempt(_ plan: inout UplinkPlan, _ work: (inout UplinkPlan) async throws -> Void) async {
        do {
            try await work(&plan)
        } catch is CancellationError {
        } catch let refusal as Refused {
            plan.failed(retryAfter: refusal.retryAfter, chance: Double.random(in: 0...1), isFinal: refusal.isFinal)
            log(refusal.status == 503 ? .warning : .error, "cloud refused", ["status": refusal.status, "detail": refusal.detail])
            await note("refused with \(refusal.status): \(refusal.detail)")
        } catch {
            plan.failed(retryAfter: nil, chance: Double.random(in: 0...1))
            log(.warning, "cloud not reached", ["error": "\(error)"])
            await note("not reached")
        }
    }

    /// Kept for the status command; written only when it changes.
    private func note(_ state: String) async { try? await store.setMeta("uplink", state) }

    private func send(_ life: Int64, _ first: Int64, _ last: Int64, _ limit: Int, _ plan: inout UplinkPlan) async throws {
        guard let epoch = await store.allLives.first(where: { $0.number == life })?.epoch else { return }
        guard let batch = try await store.batch(of: epoch, from: first, through: last, limit: limit), batch.first == first else {
            let gone = try await store.declareGone(epoch, from: first, through: last)
            return log(.warning, "rows asked for that are no more", ["first": first, "last": gone?.upperBound ?? first])
        }
        try await deliver(batch, life: life, &plan)
    }

    private func deliver(_ rows: Batch, life: Int64, _ plan: inout UplinkPlan) async throws {
        var batch = rows
        batch.report = try await report()
        let response = try await client.send(
            request("POST", "/batches", headers: [("Content-Type", Batch.mediaType), ("Accept", Answer.mediaType)], body: batch.binary()))
        switch response.status {
        case 200: break
        case 400, 413,
            422 where !batch.rows.isEmpty && response.headers["content-type"] == "application/problem+json":
            plan.failed(retryAfter: nil, chance: 0)
            guard !plan.sendLess(than: batch.rows.count) else {
                return log(.warning, "batch refused, sending less", ["status": response.status, "batch": batch.name])
            }
            try await store.setAside(batch.epoch, batch.first)
            return log(.error, "row set aside: the cloud refuses it", ["batch": batch.name, "detail": Refused(response).detail])
        default: throw Refused(response)
        }
        let answer = try Answer(binary: response.body)
        let settlement = try await store.settle(answer, sent: batch.rows.isEmpty ? nil : batch.first...batch.last)
        switch settlement {
        case .settled: break
        case .cloudIsBehind(let rows):
            log(.warning, "cloud has lost rows it had acknowledged: sent again", ["rows": rows, "epoch": batch.epoch])
            plan.cloudIsBehind(lives: await store.allLives)
        case .moved, .storeIsBehind, .strangeEpoch:
            log(.warning, "rows to be sent under a new epoch", ["batch": batch.name, "why": "\(settlement)"])
        }
        plan.verified(life)
        for row in answer.refused.prefix(10) { log(.warning, "row refused", ["sequence": row.sequence, "reason": row.reason.name]) }
        let backlog = await store.allLives.reduce(0) { $0 + $1.backlog }
        if settlement == .settled, !batch.rows.isEmpty, await isUnsettled(batch, life) {
            // Without this an answer that settles nothing would be asked for again at once, for ever.
            throw Unsettled(batch: batch.name)
        }
        log(.debug, "batch delivered", ["batch": batch.name, "through": answer.through, "backlog": backlog])
        await note("delivering")
        plan.settled(answer.next, backlog: backlog)
        if answer.wantsNewToken { try await renewToken() }
        if let release = answer.release, await intake.wants(release) { try await fetch(release) }
    }

    /// Whether the cloud holds none of these rows.
    private func isUnsettled(_ batch: Batch, _ life: Int64) async -> Bool {
        let sent = batch.first...batch.last
        return await store.allLives.first { $0.number == life }?.held.missing(in: sent) == [sent]
    }

    /// The old token opens until the new one is first used: a crash in between costs nothing.
    private func renewToken() async throws {
        let response = try await client.send(request("POST", "/token", headers: [("Accept", Enrolment.mediaType)]))
        guard response.status == 200 else { throw Refused(response) }
        do { try token.replace(with: Enrolment(binary: response.body).token) } catch {
            return log(.error, "token not renewed: the old one stays in use", ["error": "\(error)"])
        }
        log(.info, "token renewed")
    }

    private func fetch(_ offered: ReleaseName) async throws {
        let response = try await client.send(request("GET", "/release"))
        guard response.status == 200 else { throw Refused(response) }
        await intake.take(response.body, as: offered)
    }

    private func request(_ method: String, _ path: String, headers: [(name: String, value: String)] = [], body: [UInt8] = []) -> HTTPClient.Request {
        HTTPClient.Request(
            method: method, url: "\(url)/v1/devices/\(device)\(path)", headers: [("Authorization", "Bearer \(token.current)")] + headers, body: body)
    }

    private func report() async throws -> DeviceReport {
        let counts = try await store.counts()
        return DeviceReport(
            release: intake.active.current?.name, backlog: counts.backlog, evicted: counts.evicted, refused: counts.refused,
            clock: clock.quality, scores: try await store.liveScores(), refusal: await intake.refusal)
    }
}

/// The cloud's answer left the rows that it answers unsettled.
struct Unsettled: Error, CustomStringConvertible {
    let batch: String
    var description: String { "the answer to \(batch) settles none of its rows" }
}

/// The cloud answered, but not with what was asked for.
struct Refused: Error {
    let status: Int
    let detail: String
    let retryAfter: Duration?
    var isFinal: Bool { status == 401 || status == 403 }

    init(_ response: HTTPClient.Response) {
        status = response.status
        let words = String(decoding: response.body.prefix(300), as: UTF8.self)
        detail =
            switch response.status {
            case 401: "the token is not known: is VAHO_TOKEN_FILE that of this device? \(words)"
            case 403: "this device has been revoked: readings are kept and forecast on; vaho-cloud device add makes a new token. \(words)"
            default: words
            }
        retryAfter = response.headers["retry-after"].flatMap { Int64($0) }.map { .seconds(min(86_400, max(0, $0))) }
    }
}

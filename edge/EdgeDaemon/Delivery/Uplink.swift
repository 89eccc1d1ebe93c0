internal import EdgeStore
internal import Deflate
internal import Forecasting
internal import HTTPClient
internal import Measures

internal import Runtime
internal import Text
internal import Wire

/// Delivers the log to the cloud in batches, and fetches releases.
struct Uplink: Service {
    let device: DeviceID
    let url: String  // address of the cloud, without a trailing slash
    let token: DeviceToken
    let period: Duration
    let firstBackoff: Duration
    let client: HTTPClient
    let store: ReadingStore
    let intake: ModelIntake
    let clock: ReadingClock
    let status: UplinkStatus
    let statuses: SensorStatuses
    let thresholds: [HumidityThreshold]
    let samplePeriod: Duration
    let sensors: Set<SensorName>  // the configured sensors
    let settings: RemoteSettings?  // nil: the device takes no settings from the cloud
    let log: Log

    private static let maximumSensorsWithScores = 64  // scores of more sensors are left out: a report is limited to 64 KB

    func run() async throws {
        var plan = UplinkPlan(period: period, phase: phase, firstBackoff: firstBackoff)
        while true {
            try Task.checkCancellation()  // when the daemon stops, an interrupted transfer is not retried
            switch plan.next(lives: await store.lives) {
            case .wait(let pause): try await Task.sleep(for: pause)
            case .report:
                await attempt(&plan) { plan in try await report(as: await store.current, &plan) }
            case .verify(let number):
                await attempt(&plan) { plan in
                    guard let life = await store.lives.first(where: { $0.number == number }) else { return plan.verified(number) }
                    try await report(as: life, &plan)
                }
            case .send(let life, let first, let last, let limit):
                await attempt(&plan) { plan in
                    try await send(life, first, last, limit, &plan)
                }
            }
        }
    }

    /// Sends a batch without rows: the answer contains the ranges that the cloud holds of the life, and the release to run.
    private func report(as life: Life, _ plan: inout UplinkPlan) async throws {
        try await deliver(Batch(epoch: life.epoch, first: life.last + 1, sensors: [], rows: []), life: life.number, &plan)
    }

    /// A fixed offset of this device within the period, the same at every start.
    private var phase: Duration {
        let hash = device.name.utf8.reduce(UInt64(14_695_981_039_346_656_037)) { ($0 ^ UInt64($1)) &* 1_099_511_628_211 }  // FNV-1a
        return .milliseconds(Int64(hash % UInt64(max(1, period.ms))))
    }

    private func attempt(_ plan: inout UplinkPlan, _ work: (inout UplinkPlan) async throws -> Void) async {
        do {
            try await work(&plan)
        } catch is CancellationError {
        } catch let refusal as CloudRefusal {
            plan.failed(retryAfter: refusal.retryAfter, randomFraction: Double.random(in: 0...1), isFinal: refusal.isFinal)
            log(refusal.needsAction ? .error : .warning, "cloud refused", ["status": refusal.status, "detail": refusal.detail])
            await storeState(refusal.needsAction ? .refused : .failing, status: refusal.status, refusal.detail)
        } catch let error as CurlError {
            plan.failed(retryAfter: nil, randomFraction: Double.random(in: 0...1))
            log(.warning, "cloud not reached", ["error": "\(error)"])
            await storeState(.unreachable, PrintableText.line("\(error)"))
        } catch {
            plan.failed(retryAfter: nil, randomFraction: Double.random(in: 0...1))
            log(.warning, "batch not delivered", ["error": "\(error)"])
            await storeState(.failing, PrintableText.line("\(error)"))
        }
    }

    /// Stores the uplink state for the status command; written only when the state changes.
    func storeState(_ kind: UplinkState.Kind, status code: Int? = nil, _ detail: String = "") async {
        let state = status.set(kind, status: code, detail: detail, at: WallClock.now)
        try? await store.setUplinkState(state)
    }

    /// Requests a new token from the cloud and stores it. If the program ends before the token is stored, the old token still works: the cloud
    /// accepts the old token until the new token is first used.
    func renewToken() async throws {
        let response = try await client.send(request("POST", "/token", headers: [("Accept", Enrolment.mediaType)]))
        guard response.status == 200 else { throw CloudRefusal(response) }
        do { try token.replace(with: Enrolment(binary: response.body).token) } catch {
            return log(.error, "token not renewed: the old token stays in use", ["error": "\(error)"])
        }
        log(.info, "token renewed")
    }

    func request(_ method: String, _ path: String, headers: [(name: String, value: String)] = [], body: [UInt8] = []) -> HTTPClient.Request {
        HTTPClient.Request(
            method: method, url: "\(url)/v1/devices/\(device)\(path)", headers: [("Authorization", "Bearer \(token.current)")] + headers, body: body)
    }

    func report() async throws -> DeviceReport {
        await intake.load()
        let counts = try await store.counts()
        let now = clock.now
        let statuses = try await self.statuses.all().filter { sensors.contains($0.record.sensor) }
            .map { $0.aged(at: now, period: samplePeriod) }
        let release = intake.active.current?.name
        var reports: [SensorReport] = []
        for status in statuses {
            let scores = try await store.read({ try $0.scores.live(sensor: status.id) }).filter { $0.releaseCounter == release?.counter ?? 0 }
            reports.append(status.report(scores: reports.count < Uplink.maximumSensorsWithScores ? scores : []))
        }
        return DeviceReport(
            release: release, backlog: counts.backlog, evicted: counts.evicted, refused: counts.refused,
            clock: clock.quality, scores: try await store.read { try $0.scores.live() }, releaseRefusal: await intake.refusal,
            alerts: try await store.alerts(), sensors: reports, thresholds: thresholds, rejections: await intake.slots.rejected,
            dailyScores: try await store.read { try $0.unreportedScores(before: now, limit: DailyScore.reportLimit) },
            settings: settings?.report)
    }
}

internal import APIDocuments
internal import Console
internal import EdgeStore
internal import Forecasting
internal import HTTPServer
internal import Measures
internal import Page
internal import Runtime
internal import Text
internal import Wire

/// The device's local API: readings, forecasts, status, metrics and the page, with or without a network.
struct LocalAPI: Service {
    let settings: EdgeSettings
    let identity: DeviceIdentity
    let endpoint: Endpoint
    let store: ReadingStore
    let newest: NewestForecasts
    let statuses: SensorStatuses
    let mouldIndexes: MouldIndexes
    let uplink: UplinkStatus
    let intake: ModelIntake
    let clock: ReadingClock
    let log: Log

    private typealias Handler = @Sendable (HTTPRequest) async throws -> HTTPResponse

    func run() async throws {
        while true {
            do { return try await serve() } catch let error as ListenError {
                // Readings matter more than the page: sampling and forecasting continue.
                log(.error, "local API not served, retrying in 30 s", ["error": "\(error)"])
            }
            try await Task.sleep(for: .seconds(30))
        }
    }

    private func serve() async throws {
        let respond = responder
        let server = try HTTPServer(
            address: endpoint.address, port: endpoint.port,
            limits: HTTPLimits(bodyBytes: 4_096, connections: 32, idleSeconds: 15, headerBytes: 8_192, responseBytes: 4 << 20),
            hosts: HostNames(isLoopback: endpoint.isLoopback, allowed: settings.allowedHosts), makeRefusal: { APIResponse.problem($0, $1) },
            handler: respond)
        log(.info, "listening", ["address": Endpoint(address: endpoint.address, port: server.port)])
        if case .closed = settings.pageAccess { log(.warning, "page and API refuse all requests: set VAHO_PAGE_PASSWORD_FILE", [:]) }
        try? await ServiceClock.host.sleepForever()
        await server.stop()
    }

    /// Answers requests.
    var responder: HTTPHandler {
        let (router, access) = (router, PageAccess(settings.pageAccess))
        return { request in
            if let refusal = access.refusal(of: request) { return refusal }
            return await router.response(to: request) { handler, _ in
                do { return try await handler(request) } catch let problem as Problem { return problem.response } catch let refusal as BodyRefusal {
                    return refusal.response
                } catch {
                    // Messages of the store and the system contain file names and SQL: log them, do not send them to the client.
                    log(.error, "request failed", ["error": "\(error)"])
                    return APIResponse.problem(500, "the request failed: see the log of vaho-edge")
                }
            }
        }
    }

    private var router: Router<Handler> {
        var router = Router<Handler>()
        router.add("GET", "/v1/status") { _ in APIResponse.json(try await status()) }
        router.add("GET", "/v1/readings") { request in
            let sensor = try await sensor(request)
            let limit = try integer(request, "limit", default: 500, in: 1...10_000)
            return APIResponse.json(DeviceView.readings(sensor.record.sensor, try await store.rawReadings(of: sensor.record.sensor, limit: limit)))
        }
        router.add("GET", "/v1/observations") { request in
            let sensor = try await sensor(request)
            let hours = try integer(request, "hours", default: 72, in: 1...9_600)
            let newest = try await store.newestObservation(of: sensor.record.sensor) ?? clock.now
            let observations = try await store.observations(of: sensor.record.sensor, after: newest - .seconds(hours * 3_600))
            return APIResponse.json(Documents.observations(sensor: sensor.record.sensor, step: sensor.record.step, observations))
        }
        router.add("GET", "/v1/forecast") { request in try await forecast(request) }
        router.add("GET", "/metrics") { _ in
            HTTPResponse(type: "text/plain; version=0.0.4; charset=utf-8", body: Array(try await metrics().utf8))
        }
        router.add("GET", "/livez") { _ in APIResponse.text("ok\n") }
        router.add("GET", "/readyz") { _ in
            _ = try await store.counts()
            // An offline device is ready. A device that the cloud refuses is not: none of its rows are delivered until someone acts.
            if let state = uplink.current, state.kind == .refused {
                return APIResponse.problem(503, "the cloud refuses this device: \(state.text)")
            }
            return APIResponse.text("ok\n")
        }
        for (path, answer) in PageFiles.routes(PageFiles.shared(face: .edge)) { router.add("GET", path) { _ in answer() } }
        return router
    }

    private func forecast(_ request: HTTPRequest) async throws -> HTTPResponse {
        let sensor = try await sensor(request)
        guard let horizon = request.query["horizon"].map({ ISO8601Duration.parse($0) }) ?? ForecastShape.horizon else {
            throw Problem(status: 400, detail: "horizon=\(request.query["horizon"]?.prefix(40) ?? ""): expected an ISO 8601 duration such as PT24H")
        }
        guard horizon <= ForecastShape.horizon else { throw Problem(status: 400, detail: "horizon: a forecast reaches 5 days, P5D") }
        let offset = try integer(
            request, "utc_offset_s", default: 0, in: Int(OutlookContext.offsets.lowerBound)...Int(OutlookContext.offsets.upperBound))
        let context = OutlookContext(
            thresholds: settings.rules.compactMap(\.humidityThreshold), condition: sensor.condition, step: sensor.record.step,
            present: sensor.last?.humidity, now: clock.now,
            offset: .seconds(offset))
        let active = intake.active.current?.name
        func document(_ issued: IssuedForecast) async throws -> HTTPResponse {
            APIResponse.json(
                Documents.forecast(
                    sensor: sensor.record.sensor, issued.forecast,
                    try await DeviceView.moisture(
                        ahead: issued.forecast, of: sensor.record.sensor, store: store, mouldIndexes: mouldIndexes, surfaces: settings.surfaces),
                    issuedAt: issued.issuedAt, release: active?.counter == issued.releaseCounter ? active : nil, horizon: horizon,
                    context: context)
            )
        }
        // Prefer the forecast in memory, which exists even while the disk accepts no rows.
        if let issued = newest.of(sensor.record.sensor) { return try await document(issued) }
        guard let issued = try await store.forecast(of: sensor.record.sensor) else {
            throw Problem(
                status: 404, detail: "there is no forecast of \(sensor.record.sensor) yet: the first forecast follows the first observation")
        }
        return try await document(issued)
    }

    private func agedStatuses() async throws -> [SensorStatus] {
        let now = clock.now
        return try await statuses.all().map { $0.aged(at: now, period: settings.samplePeriod) }
    }

    /// Sensors removed from the configuration keep their history, but are not expected to deliver readings.
    private func configured(_ statuses: [SensorStatus]) -> [SensorStatus] {
        statuses.filter { status in settings.sensors.contains { $0.name == status.record.sensor } }
    }

    private func document(_ statuses: [SensorStatus]) async throws -> DeviceDocument {
        try await DeviceView.document(
            settings, named: identity.current, store: store, mouldIndexes: mouldIndexes, statuses: statuses, uplink: uplink.current,
            release: intake.active.current,
            refusal: await intake.refusal, clock: clock.quality)
    }

    private func status() async throws -> [UInt8] {
        let view = try await document(configured(try await agedStatuses()))
        return DeviceView.json(
            view, counts: try await store.counts(), writtenPerDay: try await store.writtenPerDay(), uplink: uplink.current,
            holes: try await store.read { try $0.log.holes(limit: 20) }, now: clock.now)
    }

    private func sensor(_ request: HTTPRequest) async throws -> SensorStatus {
        let statuses = try await agedStatuses()
        guard let name = request.query["sensor"] else {
            guard let only = statuses.first, statuses.count == 1 else {
                throw Problem(status: 400, detail: "sensor is missing: there are \(names(statuses))")
            }
            return only
        }
        guard let found = statuses.first(where: { $0.record.sensor.name == name }) else {
            throw Problem(status: 404, detail: "there is no sensor «\(name.prefix(64))»: there are \(names(statuses))")
        }
        return found
    }

    private func names(_ statuses: [SensorStatus]) -> String { WordList.text(statuses.map(\.record.sensor.name)) }

    private func integer(_ request: HTTPRequest, _ name: String, default fallback: Int, in range: ClosedRange<Int>) throws -> Int {
        guard let text = request.query[name] else { return fallback }
        guard let value = Int(text), range.contains(value) else {
            throw Problem(status: 400, detail: "\(name)=\(text.prefix(40)): expected a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return value
    }

    private func metrics() async throws -> String {
        let (statuses, now) = (configured(try await agedStatuses()), clock.now)
        let view = try await document(statuses)
        var metrics = EdgeMetrics(version: EdgeVersion.text)
        for sensor in view.sensors {
            let status = statuses.first { $0.record.sensor == sensor.name }
            metrics.add(sensor, newestAt: status?.newest?.takenAt)
            if let forecast = newest.of(sensor.name)?.forecast { metrics.add(forecast, of: sensor.name, step: sensor.step, now: now) }
        }
        metrics.add(view, try await store.counts())
        metrics.add(uplink)
        return metrics.text
    }
}

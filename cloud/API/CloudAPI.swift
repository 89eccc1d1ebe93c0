internal import APIDocuments
package import Archive
internal import Forecasting
package import HTTPServer
internal import Measures
internal import Page
package import Pipeline
package import Runtime
internal import Text
internal import Wire

/// The cloud's HTTP server: endpoints for devices, the API and the page.
package final class CloudAPI: Service {
    let archive: Archive
    let reader: Archive  // read-only, for page and API
    let tokenReader: Archive  // read-only, for tokens, so that requests of devices do not wait for queries of page and API
    let ingest: Ingest
    let freeSpaceGuard: FreeSpaceGuard
    let forecasts: FleetForecasts
    let log: Log
    let tokens = TokenCache()
    let rates = RequestRates()
    let queues = RequestQueues()
    let answers = SharedAnswers()
    let unstoredRows = LogLineLimiter()
    let refusedCodes = LogLineLimiter()
    let unavailable = LogLineLimiter()
    let refusals = RefusalRecordLimiter()
    private let listening: Listening
    private let version: String
    let keyFile: String  // the path of the fleet's signing key
    let pretrained: PretrainedNetwork?
    let rolloutSteps: RolloutSteps
    let operatorToken: [UInt8]?  // SHA-256 of the token by which other programs start runs and change rollouts

    /// Where and how the server accepts connections.
    package struct Listening: Sendable {
        let address: String
        let port: UInt16
        let hosts: HostNames
        let tls: HTTPServer.TLS?
        let connections: UInt32  // the most connections open at once

        package init(address: String, port: UInt16, hosts: HostNames, tls: HTTPServer.TLS?, connections: UInt32) {
            (self.address, self.port, self.hosts, self.tls, self.connections) = (address, port, hosts, tls, connections)
        }
    }

    package init(
        _ listening: Listening, archive: Archive, reader: Archive, tokenReader: Archive, ingest: Ingest, freeSpaceGuard: FreeSpaceGuard,
        keyFile: String, pretrained: PretrainedNetwork?, rolloutSteps: RolloutSteps, forecasts: FleetForecasts, version: String,
        operatorToken: [UInt8]? = nil, log: Log
    ) {
        self.listening = listening
        self.archive = archive
        self.reader = reader
        self.tokenReader = tokenReader
        self.ingest = ingest
        self.freeSpaceGuard = freeSpaceGuard
        self.forecasts = forecasts
        self.version = version
        (self.keyFile, self.pretrained, self.rolloutSteps) = (keyFile, pretrained, rolloutSteps)
        self.operatorToken = operatorToken
        self.log = log
    }

    package func run() async throws {
        let router = router
        let tokens = tokens
        try await tokens.preload(tokenReader)
        let limits = HTTPLimits(
            bodyBytes: BatchFormat.byteLimit, connections: listening.connections, threads: 2, budgetBytes: 16 << 20, connectionsPerAddress: 256,
            responseBytes: 24 << 20)
        let server = try HTTPServer(
            address: listening.address, port: listening.port, limits: limits, tls: listening.tls, hosts: listening.hosts,
            makeRefusal: { APIResponse.problem($0, $1) },
            isAuthenticated: { tokens.hasKnownToken($0) },
            handler: { await router.response($0) })
        log(
            .info, "listening",
            ["address": listening.address.contains(":") ? "[\(listening.address)]:\(server.port)" : "\(listening.address):\(server.port)"])
        try? await ServiceClock.host.sleepForever()
        await server.stop()
    }

    /// Converts the error of a failed request to a response.
    private func problem(_ error: any Error) -> HTTPResponse {
        func retryLater(_ status: Int, _ detail: String, _ after: Duration) -> HTTPResponse {
            var response = APIResponse.problem(status, detail)
            response.headers.append(("Retry-After", String(max(1, (after.ms + 999) / 1_000))))
            return response
        }
        switch error {
        case let error as Problem: return error.response
        case let error as RateLimit.Exceeded: return retryLater(429, error.detail, error.retryAfter)
        case let error as IngestRefusal: return retryLater(429, error.description, error.retryAfter)
        case let error as FreeSpaceGuard.InsufficientSpace: return retryLater(503, error.description, .seconds(60))
        case let error as FairQueue<Int64>.Full where error.isKeyLimit:
            return retryLater(429, "too many requests from this device are waiting: send one request after another", .seconds(2))
        case is FairQueue<Int64>.Full, is FairQueue<String>.Full: return retryLater(503, "too many requests are waiting: retry later", .seconds(5))
        case is CancellationError: return retryLater(503, "the server is stopping: send this request again", .seconds(2))
        case is Ingest.StoresNothing: return retryLater(503, "the database stores nothing: retry later", .seconds(5))
        case is Ingest.Overloaded: return retryLater(503, "too many batches are waiting: send this batch again later", .seconds(10))
        case let error as ArchiveFault:
            if error.status == 500 { log(.error, "request failed", ["error": "\(error)"]) }
            return APIResponse.problem(error.status, "\(error)")
        case let error as any DatabaseFailure where error.isUnavailable:
            // Every request fails until the database is back: one line a minute says so.
            if let count = unavailable.count(1, of: 0) {
                log(.error, "requests failed, the database is not available", ["count": count, "error": "\(error)"])
            }
            return retryLater(503, "the database is not available: retry later", .seconds(5))
        default:
            log(.error, "request failed", ["error": "\(error)"])
            return retryLater(503, "the store is unavailable: retry later", .seconds(30))
        }
    }

    /// Answers a read request of the page or the API. Clients take turns by address, queries run on the reader's thread, and identical requests
    /// share one answer.
    func read(_ request: HTTPRequest, _ body: @escaping @Sendable (isolated Archive) throws -> [UInt8]) async throws -> HTTPResponse {
        let reader = reader
        return try await answers.answer(to: request, version: try await reader.dataVersion()) {
            try await self.queues.reads.run(of: request.peer) { _ in HTTPBody(try await reader.perform(body)) }
        }
    }

    var router: Router {
        var router = Router(problem: { APIResponse.problem($0, $1) }) { self.problem($0) }
        router.on("POST", "/v1/devices/{id}/batches") { request, parameters in try await self.batch(request, parameters["id"] ?? "") }
        router.on("GET", "/v1/devices/{id}/release") { request, parameters in try await self.release(request, parameters["id"] ?? "") }
        router.on("GET", "/v1/devices/{id}/release-keys") { request, parameters in try await self.releaseKeys(request, parameters["id"] ?? "") }
        router.on("POST", "/v1/devices/{id}/readings") { request, parameters in try await self.plainReadings(request, parameters["id"] ?? "") }
        router.on("POST", "/v1/devices/{id}/token") { request, parameters in try await self.newToken(request, parameters["id"] ?? "") }
        router.on("POST", "/v1/enrol") { request, _ in try await self.enrol(request) }
        router.on("GET", "/v1/devices") { request, _ in
            let page = try FleetPage(request)
            return try await self.read(request) { try $0.fleetDocument(page) }
        }
        router.on("GET", "/v1/devices/{id}") { request, parameters in
            let id = parameters["id"] ?? ""
            return try await self.read(request) { try $0.deviceDocument(id) }
        }
        router.on("GET", "/v1/devices/{id}/observations") { request, parameters in
            let (id, sensor, hours) = (parameters["id"] ?? "", request.query["sensor"], try CloudAPI.hours(request))
            return try await self.read(request) { try $0.observationsDocument(id, sensor: sensor, hours: hours) }
        }
        router.on("GET", "/v1/devices/{id}/forecast") { request, parameters in
            APIResponse.json(try await self.forecast(request, parameters["id"] ?? ""))
        }
        router.on("GET", "/v1/devices/{id}/release-history") { request, parameters in
            let (id, at) = (parameters["id"] ?? "", try CloudAPI.instant("at", request))
            return try await self.read(request) { try $0.deviceReleaseDocument(id, at: at) }
        }
        router.on("GET", "/v1/models") { request, _ in try await self.read(request) { try $0.modelsDocument() } }
        router.on("GET", "/v1/models/history") { request, _ in
            let alias = try CloudAPI.alias(request)
            return try await self.read(request) { try $0.aliasHistoryDocument(alias) }
        }
        router.on("GET", "/v1/snapshots") { request, _ in try await self.read(request) { try $0.snapshotsDocument() } }
        router.on("GET", "/v1/runs") { request, _ in try await self.read(request) { try $0.runsDocument() } }
        router.on("POST", "/v1/runs") { request, _ in try await self.startRun(request) }
        router.on("GET", "/v1/runs/{id}") { request, parameters in
            let id = parameters["id"] ?? ""
            return try await self.read(request) { try $0.runDocument(id) }
        }
        addRolloutRoutes(to: &router)
        router.on("GET", "/openapi.json") { _, _ in APIResponse.json(OpenAPI.document) }
        router.on("GET", "/metrics") { request, _ in
            let (freeSpaceGuard, version) = (self.freeSpaceGuard, self.version)
            var response = try await self.read(request) { Array(try $0.metrics(free: freeSpaceGuard.freeBytes, version: version).utf8) }
            response.headers = [("Content-Type", "text/plain; version=0.0.4; charset=utf-8")]
            return response
        }
        router.on("GET", "/livez") { _, _ in APIResponse.text("ok\n") }
        router.on("GET", "/readyz") { _, _ in
            try self.freeSpaceGuard.check()
            try self.ingest.checkDatabase()
            _ = try await self.tokenReader.accessVersion()
            return APIResponse.text("ok\n")
        }
        PageFiles.addRoutes(to: &router, face: .cloud)
        return router
    }
}

extension ArchiveFault {
    fileprivate var status: Int {
        switch self {
        case .noDevice: 404
        case .deviceExists: 409
        case .noArchive, .unsupportedSchema, .unfinishedMigration, .backUpByServer, .damagedBin, .damagedRow: 500
        }
    }
}

internal import APIDocuments
internal import Access
internal import CloudPage
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
    private let versions: AccessVersions
    private let access: AccessSettings
    let people: PersonAccess
    let rates = RequestRates()
    let queues = RequestQueues()
    let answers = SharedAnswers()
    let feed = ChangeFeed()
    let streams: EventStreams
    private let changedDevices: ChangedDevices
    let unstoredRows = LogLineLimiter()
    let refusedCodes = LogLineLimiter()
    let failedSignIns = LogLineLimiter()
    let unavailable = LogLineLimiter()
    let refusals = RefusalRecordLimiter()
    private let listening: Listening
    private let version: String
    let keyFile: String  // the path of the fleet's signing key
    let pretrained: PretrainedNetwork?
    let rolloutSteps: RolloutSteps

    /// The address and the limits with which the server accepts connections.
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
        access: AccessSettings = AccessSettings(), log: Log
    ) {
        self.listening = listening
        streams = EventStreams(limit: max(8, Int(listening.connections) / 2))
        changedDevices = ingest.changedDevices
        self.archive = archive
        self.reader = reader
        self.tokenReader = tokenReader
        self.ingest = ingest
        self.freeSpaceGuard = freeSpaceGuard
        self.forecasts = forecasts
        self.version = version
        (self.keyFile, self.pretrained, self.rolloutSteps) = (keyFile, pretrained, rolloutSteps)
        self.access = access
        versions = AccessVersions(reader: tokenReader)
        people = PersonAccess(archive: archive, reader: tokenReader, versions: versions, settings: access, log: log)
        self.log = log
    }

    package func run() async throws {
        let (respond, tokens) = (responder, tokens)
        try await tokens.preload(tokenReader)
        let limits = HTTPLimits(
            bodyBytes: BatchFormat.byteLimit, connections: listening.connections, threads: 2, budgetBytes: 16 << 20, connectionsPerAddress: 256,
            responseBytes: 24 << 20)
        let server = try HTTPServer(
            address: listening.address, port: listening.port, limits: limits, tls: listening.tls, hosts: listening.hosts,
            makeRefusal: { APIResponse.problem($0, $1) },
            isAuthenticated: { tokens.hasKnownToken($0) },
            handler: respond)
        log(
            .info, "listening",
            ["address": listening.address.contains(":") ? "[\(listening.address)]:\(server.port)" : "\(listening.address):\(server.port)"])
        do { try await logSetupLink(port: server.port) } catch { log(.error, "no link for the first admin", ["error": "\(error)"]) }
        // Runs until this service is cancelled.
        try? await ChangeWatch(feed: feed, streams: streams, devices: changedDevices, reader: reader, log: log).run()
        await server.stop()
    }

    /// While there is no admin, logs a link with which the first one is made.
    private func logSetupLink(port: UInt16) async throws {
        guard try await !tokenReader.hasAdmin() else { return }
        let expiresAt = WallClock.now + .seconds(86_400)
        let code = try await archive.makeSetupCode(expiresAt: expiresAt, now: WallClock.now)
        // 0.0.0.0 and :: stand for all addresses of this host: a browser cannot open them.
        let isEveryAddress = ["0.0.0.0", "::"].contains(listening.address)
        let host = isEveryAddress ? "localhost" : listening.address.contains(":") ? "[\(listening.address)]" : listening.address
        log(
            .warning, "there is no admin yet: this link makes the first one, once",
            [
                "link": "\(listening.tls == nil ? "http" : "https")://\(host):\(port)/sign-in.html#setup=\(code)",
                "until": RFC3339.format(ms: expiresAt.ms),
            ])
    }

    var endpoints: [Endpoint] {
        deviceEndpoints + sessionEndpoints + fleetEndpoints + eventEndpoints + fileEndpoints + deviceChangeEndpoints + settingsEndpoints
            + pinEndpoints + modelEndpoints
            + rolloutEndpoints
            + accessEndpoints
            + serverEndpoints
    }

    /// Answers requests.
    var responder: HTTPHandler {
        let devices = DeviceAccess(
            archive: archive, reader: tokenReader, tokens: tokens, versions: versions, rates: rates, refusals: refusals, log: log)
        let pipeline = RequestPipeline(
            endpoints,
            [ForwardedHeaders(proxies: access.proxies), QueryCheck(), AccessControl(devices: devices, people: people)])
        return { request in await pipeline.response(request) { self.problem($0) } }
    }

    /// An endpoint that reads the archive. Clients take turns by address, queries run on the reader's thread, and identical requests share an answer.
    func reading(
        _ path: String, query: Set<String> = [], for role: Role = .viewer, type: String = "application/json", csv: Document? = nil,
        _ main: @escaping Document
    ) -> Endpoint {
        Endpoint("GET", path, .people(role), query: query) { call in
            let csv = call.request.prefersCSV ? csv : nil
            let (document, type, reader) = (try (csv ?? main)(call), csv == nil ? type : "text/csv; charset=utf-8", self.reader)
            let body = try await self.answers.body(for: call.request, as: type, version: try await reader.dataVersion()) {
                try await self.queues.reads.run(of: call.request.peer) { _ in HTTPBody(try await reader.perform(document)) }
            }
            return HTTPResponse(status: 200, headers: [("Content-Type", type), ("Cache-Control", "no-cache"), ("Vary", "Accept")], body: body)
        }
    }

    /// An endpoint that reads one page of a list.
    func list(
        _ path: String, _ document: @escaping @Sendable (NewestFirst) -> (@Sendable (isolated Archive) throws -> [UInt8])
    ) -> Endpoint {
        reading(path, query: NewestFirst.parameters) { call in document(try NewestFirst(call.request)) }
    }

    /// Makes the query of an endpoint; the query runs on the archive's thread and returns the body.
    typealias Document = @Sendable (Call) throws -> (@Sendable (isolated Archive) throws -> [UInt8])

    /// Health, metrics, the page's files and the description of the API.
    private var serverEndpoints: [Endpoint] {
        let page = PageFiles.routes(CloudPage.files).map { path, answer in Endpoint("GET", path, .everyone, query: nil) { _ in answer() } }
        return page + [
            Endpoint("GET", "/openapi.json", .people(.viewer)) { _ in APIResponse.json(OpenAPI.document) },
            reading("/metrics", type: "text/plain; version=0.0.4; charset=utf-8") { _ in
                let (freeSpaceGuard, version) = (self.freeSpaceGuard, self.version)
                return { Array(try $0.metrics(free: freeSpaceGuard.freeBytes, version: version).utf8) }
            },
            Endpoint("GET", "/livez", .everyone) { _ in APIResponse.text("ok\n") },
            Endpoint("GET", "/readyz", .everyone) { _ in
                try self.freeSpaceGuard.check()
                try self.ingest.checkDatabase()
                _ = try await self.tokenReader.accessVersion()
                return APIResponse.text("ok\n")
            },
        ]
    }
}

package import Archive
internal import Forecasting
package import HTTPServer
internal import Measures
internal import Page
package import Pipeline
package import Runtime
internal import Text
internal import Wire

/// The cloud's HTTP face: what devices send, what people see.
package struct CloudAPI: Service {
    let archive: Archive
    let reader: Archive
    let ingest: Ingest
    let forecasts: FleetForecasts
    let log: Log
    let tokens = TokenCache()
    let releaseKeys: String
    let deviceRate = RateLimit(perSecond: 100, burst: 400, detail: "this device asks too often: at most 100 requests a second")
    // Codes are short: they may not be tried out fast.
    let enrolmentRate = RateLimit(perSecond: 1, burst: 20, detail: "too many enrolments at once: try again in a moment")
    private let address: String
    private let port: UInt16
    private let tls: HTTPServer.TLS?

    package init(
        archive: Archive, reader: Archive, ingest: Ingest, address: String, port: UInt16, tls: HTTPServer.TLS?, releaseKeys: String,
        pretrained: Pretrained?,
        log: Log
    ) {
        self.archive = archive
        self.reader = reader
        self.ingest = ingest
        forecasts = FleetForecasts(reader: reader, pretrained: pretrained)
        self.address = address
        self.port = port
        self.tls = tls
        self.releaseKeys = releaseKeys
        self.log = log
    }

    package func run() async throws {
        let router = router
        let tokens = tokens
        let limits = HTTPLimits(bodyBytes: Batch.byteLimit, connections: 4_000, threads: 2, budgetBytes: 16 << 20, connectionsPerAddress: 256)
        let server = try HTTPServer(
            address: address, port: port, limits: limits, tls: tls, refused: { FaceResponse.problem($0, $1) }, isKnown: { tokens.knows($0) },
            handler: { await router.answer($0) })
        log(.info, "listening", ["address": address.contains(":") ? "[\(address)]:\(server.port)" : "\(address):\(server.port)"])
        try? await Task.sleep(for: .seconds(1 << 40))
        await server.stop()
    }

    private var router: Router {
        var router = Router(problem: { FaceResponse.problem($0, $1) }) { error in
            switch error {
            case let error as Problem: return error.response
            case let error as RateLimit.Exceeded:
                var response = FaceResponse.problem(429, error.detail)
                response.headers.append(("Retry-After", "2"))
                return response
            case is CancellationError:
                var response = FaceResponse.problem(503, "the server is stopping: send this again")
                response.headers.append(("Retry-After", "2"))
                return response
            case is Ingest.Overloaded:
                var response = FaceResponse.problem(503, "too many batches wait: send this one again later")
                response.headers.append(("Retry-After", "10"))
                return response
            default:
                log(.error, "request failed", ["error": "\(error)"])
                var response = FaceResponse.problem(503, "the store cannot be used now: try again later")
                response.headers.append(("Retry-After", "30"))
                return response
            }
        }
        router.on("POST", "/v1/devices/{id}/batches") { request, parameters in try await batch(request, parameters["id"] ?? "") }
        router.on("GET", "/v1/devices/{id}/release") { request, parameters in try await release(request, parameters["id"] ?? "") }
        router.on("POST", "/v1/devices/{id}/readings") { request, parameters in try await plainReadings(request, parameters["id"] ?? "") }
        router.on("POST", "/v1/devices/{id}/token") { request, parameters in try await newToken(request, parameters["id"] ?? "") }
        router.on("POST", "/v1/enrol") { request, _ in try await enrol(request) }
        router.on("GET", "/v1/devices") { _, _ in FaceResponse.json(try await fleet()) }
        router.on("GET", "/v1/devices/{id}") { _, parameters in FaceResponse.json(try await device(parameters["id"] ?? "")) }
        router.on("GET", "/v1/devices/{id}/observations") { request, parameters in
            FaceResponse.json(try await observations(request, parameters["id"] ?? ""))
        }
        router.on("GET", "/v1/devices/{id}/forecast") { request, parameters in
            FaceResponse.json(try await forecast(request, parameters["id"] ?? ""))
        }
        router.on("GET", "/v1/models") { _, _ in FaceResponse.json(try await models()) }
        router.on("GET", "/v1/runs") { _, _ in FaceResponse.json(try await runs()) }
        router.on("GET", "/openapi.json") { _, _ in FaceResponse.json(OpenAPI.document) }
        router.on("GET", "/metrics") { _, _ in HTTPResponse(type: "text/plain; version=0.0.4; charset=utf-8", body: Array(try await metrics().utf8)) }
        router.on("GET", "/livez") { _, _ in FaceResponse.text("ok\n") }
        router.on("GET", "/readyz") { _, _ in
            _ = try await reader.releaseName(alias: Archive.champion)
            return FaceResponse.text("ok\n")
        }
        PageFiles.addRoutes(to: &router, face: .cloud)
        return router
    }
}

/// A request that is not answered with what it asked for.
struct Problem: Error {
    let status: Int
    let detail: String
    var pointer: String?
    var headers: [(name: String, value: String)] = []

    var response: HTTPResponse {
        var response = FaceResponse.problem(status, detail, pointer: pointer)
        response.headers += headers
        return response
    }
}

internal import APIDocuments
internal import Access
internal import Archive
internal import HTTPServer
internal import LoggerFiles
internal import Measures
internal import Pipeline
internal import Runtime
internal import Text

/// Files of third-party loggers: a preview with a forecast, and the import into a device's sensor.
extension CloudAPI {
    var fileEndpoints: [Endpoint] {
        [
            Endpoint("POST", "/v1/files/preview", .people(.viewer), query: ["zone", "dates"]) { call in try await self.previewFile(call) },
            Endpoint("POST", "/v1/devices/{id}/files", .people(.admin), query: ["sensor", "zone", "dates", "name"]) { call in
                try await self.importFile(call)
            },
        ]
    }

    /// Rows may be a day ahead of this server's clock.
    private static let latestAhead: Duration = .seconds(86_400)

    private func previewFile(_ call: Call) async throws -> HTTPResponse {
        let (bytes, query) = (try call.request.body(), call.request.query)
        let preview = try await queues.forecasts.run(of: call.request.peer) { _ in
            do {
                return try await forecasts.preview(
                    bytes, dates: query["dates"], zone: query["zone"], latest: call.receivedAt + CloudAPI.latestAhead)
            } catch { throw CloudAPI.problem(ofFile: error) }
        }
        return .uncached(preview.json)
    }

    /// Stores the readings of a file. Refuses a file whose time zone or order of dates is ambiguous.
    private func importFile(_ call: Call) async throws -> HTTPResponse {
        let (request, now) = (call.request, call.receivedAt)
        let sensorName = request.query["sensor"] ?? "air"
        guard let sensor = SensorName(sensorName) else {
            throw Problem(status: 400, detail: "sensor=\(sensorName.prefix(64)): expected \(SensorName.syntax)")
        }
        let device = try await existingDevice(call)
        let bytes = try request.body()
        return try await queues.devices.run(of: device.id) { _ in
            let content = try await queues.decoding.run(of: device.id) { lane in
                let read = await queues.decodingThreads[lane].measure { try CloudAPI.content(bytes, request, latest: now + CloudAPI.latestAhead) }
                return try read.result.get()
            }
            let detail = "\(content.rows.count) readings from \(PrintableText.line(request.query["name"] ?? "a file", limit: 120))"
            try await archive.recordImport("\(device.name)/\(sensor)", detail, by: call.attribution("imported by the API"), now: now)
            let done = try await FileImport(content.rows, of: device, sensor, receivedAt: now) { try await ingest.submit(.plain($0)) }
            return .uncached(content.json(done))
        }
    }

    private static func content(_ bytes: [UInt8], _ request: HTTPRequest, latest: Instant) throws -> LoggerFile.Result {
        do {
            let options = try LoggerFile.Options(dates: request.query["dates"], zone: request.query["zone"], latest: latest)
            let file = try LoggerFile(bytes, options: options)
            guard !file.layout.isDateOrderGuessed else {
                throw Problem(status: 422, detail: "the order of the dates is ambiguous (05/06 can be 5 June or May 6): add dates=dmy or dates=mdy")
            }
            return try file.read()
        } catch { throw problem(ofFile: error) }
    }

    private static func problem(ofFile error: any Error) -> any Error {
        switch error {
        case let fault as LoggerFile.InvalidOption: Problem(status: 422, detail: "\(fault)")
        case let unknown as UnknownLayout: Problem(status: 422, detail: "\(unknown)")
        default: error
        }
    }
}

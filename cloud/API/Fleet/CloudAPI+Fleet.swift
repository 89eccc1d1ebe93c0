internal import APIDocuments
internal import Access
internal import Archive
internal import Forecasting
internal import HTTPServer
internal import Measures
internal import Observing
internal import Pipeline
internal import Runtime
internal import Text
internal import Watch
internal import Wire

/// The page of the fleet that a request selects: order, cursor and size.
struct FleetPage: Sendable {
    let order: Archive.FleetOrder
    let filter: Archive.FleetFilter
    let after: Archive.FleetCursor?
    let limit: Int

    static let maximumLimit = 1_000
    private static let textLimit = 64

    init(_ request: HTTPRequest) throws(Problem) {
        let text = request.query["limit"] ?? "100"
        guard let limit = Int(text), (1...FleetPage.maximumLimit).contains(limit) else {
            throw Problem(status: 400, detail: "limit=\(text.prefix(40)): expected a whole number from 1 to \(FleetPage.maximumLimit)")
        }
        self.limit = limit
        var filter = Archive.FleetFilter(text: request.query["text"].flatMap { $0.isEmpty ? nil : $0 })
        if let text = filter.text, text.utf8.count > FleetPage.textLimit {
            throw Problem(status: 400, detail: "text: expected at most \(FleetPage.textLimit) bytes, a part of a device's name or place")
        }
        if let name = request.query["state"] {
            guard let state = DeviceState.allCases.first(where: { $0.name == name }) else {
                let names = DeviceState.allCases.map(\.name).joined(separator: ", ")
                throw Problem(status: 400, detail: "state=\(name.prefix(40)): expected one of \(names)")
            }
            filter.state = state
        }
        if let tag = request.query["tag"] {
            guard ReleaseAlias.isTag(tag) else { throw Problem(status: 400, detail: "tag=\(tag.prefix(80)): a tag is \(DeviceID.syntax)") }
            filter.tag = tag
        }
        self.filter = filter
        // A cursor without «:» has no severity: it comes from a page ordered by name.
        let isByName = request.query["after"].map { !$0.utf8.contains(UInt8(ascii: ":")) } ?? false
        switch request.query["order"] ?? (isByName || filter.state != nil ? "name" : "state") {
        case "state": order = .worstFirst
        case "name": order = .name
        case let other: throw Problem(status: 400, detail: "order=\(other.prefix(40)): expected state (worst first) or name")
        }
        let order = order
        after = try request.query["after"].map { (text) throws(Problem) in
            guard let cursor = Archive.FleetCursor(text, order) else {
                throw Problem(status: 422, detail: "after=\(text.prefix(80)): expected the value of «next» from the previous page")
            }
            return cursor
        }
    }
}

/// JSON documents for the page and the API. Each document is built on the archive's own thread.
extension Archive {
    func fleetDocument(_ page: FleetPage) throws -> [UInt8] {
        let release = try self.release(of: .champion)
        let createdAt = try release.flatMap { try self.release(counter: $0.counter)?.createdAt }
        let now = WallClock.now
        let (devices, next) = try fleet(page.order, page.filter, after: page.after, limit: page.limit, now: now)
        let counts = try stateCounts()
        var json = JSONWriter()
        json.object { json in
            json.field("now", RFC3339.format(ms: now.ms))
            json.stateCounts(counts)
            json.field("release", release, createdAt: createdAt)
            json.array("devices") { json in
                for view in devices { json.object { json in view.document.write(now: view.currentTime(at: now), to: &json) } }
            }
            json.field("next", next?.description)
        }
        return json.bytes
    }

    func deviceDocument(_ id: String) throws -> [UInt8] {
        guard let name = DeviceID(id), let view = try view(named: name, now: WallClock.now) else { throw Problem.noDevice(id) }
        let now = WallClock.now
        let holes = try holes(of: view.device.id, limit: 50)
        let alarms = try alarms(of: view.device.id)
        let sensorAlarms = try sensorAlarms(of: view.device.id, limit: 20)
        let day = WallClock.now.ms / 86_400_000
        let storedToday = try bytesStored(view.device.id, day)
        let formerNames = try formerNames(of: view.device.id)
        var json = JSONWriter()
        json.object { json in
            view.document.write(now: view.currentTime(at: now), to: &json)
            json.field("stored_today_bytes", storedToday)
            json.array("former_names") { json in for former in formerNames { json.string(former.name) } }
            json.array("holes") { json in
                for hole in holes {
                    json.object { json in Documents.hole(hole, to: &json) }
                }
            }
            json.array("alarms") { json in
                for alarm in alarms {
                    json.object { json in
                        json.field("kind", alarm.kind.rawValue)
                        json.field("text", alarm.kind.text)
                        json.field("since", RFC3339.format(ms: alarm.since.ms))
                        json.field("ended", alarm.endedAt.map { RFC3339.format(ms: $0.ms) })
                    }
                }
                for alarm in sensorAlarms {
                    json.object { json in
                        json.field("kind", "sensor_\(alarm.finding.rawValue)")
                        json.field("text", "\(alarm.sensor) \(alarm.text)")
                        json.field("since", alarm.sinceDate)
                        json.field("ended", alarm.endedAt.map { RFC3339.format(ms: $0.ms) })
                    }
                }
            }
        }
        return json.bytes
    }

    /// The device's sensor with this name. Without a name: the device's only sensor.
    func sensor(_ name: String?, of id: String) throws -> Sensor {
        guard let device = DeviceID(id), try self.device(named: device) != nil else { throw Problem.noDevice(id) }
        let sensors = try sensors(of: device)
        let names = WordList.text(sensors.map(\.name.name))
        guard let name else {
            guard !sensors.isEmpty else { throw Problem(status: 404, detail: "the device \(id) has no sensor yet") }
            guard let only = sensors.first, sensors.count == 1 else {
                throw Problem(status: 422, detail: "the parameter sensor is missing: the device's sensors are \(names)")
            }
            return only
        }
        guard let sensor = sensors.first(where: { $0.name.name == name }) else {
            throw Problem(status: 404, detail: "the device \(id) has no sensor «\(name.prefix(64))»: its sensors are \(names)")
        }
        return sensor
    }

    /// Collects the inputs of a forecast's outlook: the device's thresholds, the sensor's condition and the newest humidity.
    func outlookContext(of sensor: Sensor, offset: Duration) throws -> OutlookContext {
        let wall = WallClock.now
        let view = try view(named: sensor.device, now: wall)
        let shown = view?.sensors.first { $0.sensor.id == sensor.id }
        var condition = shown?.condition ?? .ok
        if let device = view?.condition, [.silent, .refused].contains(device.state), condition.state.isPresent, sensor.kind != "replay" {
            condition = SensorCondition(.stale, since: device.since, detail: device.detail)
        }
        return OutlookContext(
            thresholds: view?.report?.thresholds ?? [], condition: condition, step: sensor.grid.step, present: shown?.last?.humidity,
            now: view?.currentTime(at: wall) ?? wall,
            offset: offset)
    }
}

extension CloudAPI {
    var fleetEndpoints: [Endpoint] {
        [
            reading("/v1/devices", query: ["limit", "text", "tag", "state", "order", "after"]) { call in
                let page = try FleetPage(call.request)
                return { try $0.fleetDocument(page) }
            },
            reading("/v1/devices/{id}") { call in { try $0.deviceDocument(call.parameter("id")) } },
            reading(
                "/v1/devices/{id}/observations", query: ObservationQuery.parameters,
                csv: { call in
                    let query = try ObservationQuery(call.request)
                    return { try query.csv($0, call.parameter("id")) }
                }
            ) { call in
                let query = try ObservationQuery(call.request)
                return { try query.document($0, call.parameter("id")) }
            },
            Endpoint("GET", "/v1/devices/{id}/forecast", .people(.viewer), query: ["sensor", "horizon", "levels", "utc_offset_s", "as_of"]) { call in
                APIResponse.json(try await self.forecast(call.request, call.parameter("id")))
            },
            reading("/v1/devices/{id}/release-history", query: ["at"]) { call in
                let at = try call.request.instant("at")
                return { try $0.deviceReleaseDocument(call.parameter("id"), at: at) }
            },
        ]
    }

    private static let mostLevels = 19

    /// - Parameter text: levels, separated by commas.
    private static func levels(_ text: String?) throws(Problem) -> [Double] {
        guard let text else { return ForecastShape.levels }
        let range = (ForecastShape.levels.first ?? 0)...(ForecastShape.levels.last ?? 1)
        let levels = text.split(separator: ",", omittingEmptySubsequences: false).prefix(mostLevels + 1).map { NumberText.decimal(String($0)) ?? -1 }
        guard levels.count <= mostLevels, levels.allSatisfy(range.contains), zip(levels, levels.dropFirst()).allSatisfy({ $0 < $1 }) else {
            throw Problem(
                status: 422,
                detail:
                    "levels=\(text.prefix(80)): expected at most \(mostLevels) rising numbers from \(range.lowerBound) to \(range.upperBound), such as 0.1,0.5,0.9"
            )
        }
        return levels
    }

    private func forecast(_ request: HTTPRequest, _ id: String) async throws -> [UInt8] {
        guard let horizon = request.query["horizon"].map({ ISO8601Duration.parse($0) }) ?? ForecastShape.horizon else {
            throw Problem(status: 400, detail: "horizon=\(request.query["horizon"]?.prefix(40) ?? ""): expected an ISO 8601 duration such as PT24H")
        }
        guard horizon <= ForecastShape.horizon else { throw Problem(status: 422, detail: "horizon: the longest forecast is 5 days, P5D") }
        let levels = try CloudAPI.levels(request.query["levels"])
        let offset = request.query["utc_offset_s"] ?? "0"
        guard let seconds = Int64(offset), OutlookContext.offsets.contains(seconds) else {
            throw Problem(status: 400, detail: "utc_offset_s=\(offset.prefix(40)): expected whole seconds from -86400 to 86400")
        }
        let name = request.query["sensor"]
        let asOf = request.query["as_of"] == nil ? nil : try request.instant("as_of")
        return try await queues.forecasts.run(of: request.peer) { _ in
            let sensor = try await reader.perform { try $0.sensor(name, of: id) }
            let made = if let asOf { try await forecasts.forecast(sensor, asOf: asOf) } else { try await forecasts.forecast(sensor) }
            guard let made else {
                let time = asOf.map { " by \(RFC3339.format(ms: $0.ms))" } ?? " yet"
                throw Problem(status: 404, detail: "there is no observation of \(sensor.name)\(time)")
            }
            let moisture = MoistureForecast(made.forecast, mould: made.mould)
            let outlook = try await reader.perform { try $0.outlookContext(of: sensor, offset: .seconds(seconds)) }
            return Documents.forecast(
                sensor: sensor.name, made.forecast, moisture, issuedAt: made.issuedAt, release: made.release, horizon: horizon, levels: levels,
                context: outlook)
        }
    }
}

extension Problem {
    static func noDevice(_ id: String) -> Problem { Problem(status: 404, detail: "there is no device «\(id.prefix(64))»") }
}

extension Archive.Alarm.Kind {
    /// A sentence for people.
    package var text: String {
        switch self {
        case .silent: "this device has stopped sending"
        case .duplicateHost: "two hosts send as this device: give one of the hosts its own name and token"
        }
    }
}

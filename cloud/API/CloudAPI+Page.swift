internal import Archive
internal import Forecasting
internal import HTTPServer
internal import Measures
internal import Observing
internal import Pipeline
internal import Runtime
internal import Text
internal import Wire

/// Which part of the fleet is asked for.
struct FleetPage: Sendable {
    let after: DeviceID?
    let limit: Int

    static let longest = 1_000

    init(_ request: HTTPRequest) throws(Problem) {
        let text = request.query["limit"] ?? "500"
        guard let limit = Int(text), (1...FleetPage.longest).contains(limit) else {
            throw Problem(status: 400, detail: "limit=\(text.prefix(40)): expected a whole number from 1 to \(FleetPage.longest)")
        }
        self.limit = limit
        after = try request.query["after"].map { (name) throws(Problem) in
            guard let device = DeviceID(name) else { throw Problem(status: 400, detail: "after=\(name.prefix(64)): expected a device's name") }
            return device
        }
    }
}

/// What people ask. Each document is made on the archive's own thread.
extension Archive {
    func fleetDocument(_ page: FleetPage) throws -> [UInt8] {
        let release = try releaseName(alias: Archive.champion)
        let createdAt = try release.flatMap { try self.release(counter: $0.counter)?.createdAt }
        let (devices, next) = try fleet(after: page.after, limit: page.limit)
        var json = JSONWriter()
        json.object { json in
            json.field("now", RFC3339.format(ms: LabelClock.wallClock.ms))
            Documents.release("release", release, createdAt: createdAt, to: &json)
            json.array("devices") { json in
                for view in devices { json.object { json in view.write(to: &json) } }
            }
            json.field("next", next?.name)
        }
        return json.bytes
    }

    func deviceDocument(_ id: String) throws -> [UInt8] {
        guard let name = DeviceID(id), let view = try view(named: name) else { throw Problem.noDevice(id) }
        let holes = try holes(of: view.device.id, limit: 50)
        let alarms = try alarms(of: view.device.id)
        let day = LabelClock.wallClock.ms / 86_400_000
        let storedToday = try dayBytes(view.device.id, day)
        var json = JSONWriter()
        json.object { json in
            view.write(to: &json)
            json.field("stored_today_bytes", storedToday)
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
            }
        }
        return json.bytes
    }

    /// The sensor of that name, or the only one.
    func sensor(_ name: String?, of id: String) throws -> Sensor {
        guard let device = DeviceID(id), try self.device(named: device) != nil else { throw Problem.noDevice(id) }
        let sensors = try sensors(of: device)
        let names = WordList.text(sensors.map(\.name.name))
        guard let name else {
            guard let only = sensors.first, sensors.count == 1 else { throw Problem(status: 400, detail: "sensor is missing: there are \(names)") }
            return only
        }
        guard let sensor = sensors.first(where: { $0.name.name == name }) else {
            throw Problem(status: 404, detail: "the device \(id) has no sensor «\(name.prefix(64))»: there are \(names)")
        }
        return sensor
    }

    func observationsDocument(_ id: String, sensor name: String?, hours: Int64) throws -> [UInt8] {
        let sensor = try sensor(name, of: id)
        let since = (sensor.lastAt ?? Instant(ms: 0)) - .seconds(hours * 3_600)
        return Documents.observations(
            sensor: sensor.name, step: sensor.grid.step, try observations(sensor: sensor.id, since: since, limit: 60_000))
    }

    func modelsDocument() throws -> [UInt8] {
        let releases = try releases()
        var json = JSONWriter()
        json.object { json in
            json.array("models") { json in
                for release in releases.reversed() {
                    json.object { json in
                        json.field("counter", release.name.counter)
                        json.field("sha256", Documents.hexadecimal(release.name.sha256))
                        json.field("model_id", release.modelID)
                        json.field("created_at", RFC3339.format(ms: release.createdAt.ms))
                        json.field("snapshot", release.snapshot)
                        json.field("parent", release.parent.isEmpty ? nil : release.parent)
                        json.field("backtest", release.backtest)
                        json.array("aliases") { json in for alias in release.aliases { json.string(alias) } }
                    }
                }
            }
        }
        return json.bytes
    }

    func runsDocument() throws -> [UInt8] {
        let runs = try runs(limit: 100)
        var json = JSONWriter()
        json.object { json in
            json.array("runs") { json in
                for run in runs {
                    json.object { json in
                        json.field("started_at", RFC3339.format(ms: run.startedAt.ms))
                        json.field("ended_at", RFC3339.format(ms: run.endedAt.ms))
                        json.field("cause", run.cause)
                        json.field("snapshot", run.snapshot)
                        json.field("device_days", run.deviceDays, places: 1)
                        json.field("outcome", run.outcome)
                        json.field("detail", run.detail)
                        json.field("release", run.release)
                    }
                }
            }
        }
        return json.bytes
    }

    /// - Parameter free: bytes left on the archive's disk.
    func metrics(free: Int64?) throws -> String {
        let totals = try totals()
        var metrics = MetricsText()
        metrics.gauge("vaho_devices", "Devices that are not revoked.", Double(totals.devices))
        metrics.counter("vaho_batches_total", "Batches in the log.", Double(totals.batches))
        metrics.counter("vaho_readings_total", "Readings in the log.", Double(totals.readings))
        metrics.gauge("vaho_devices_silent", "Devices that have fallen silent.", Double(try silentDevices()))
        metrics.gauge("vaho_underived_batches", "Batches whose observations are not derived yet.", Double(try underived()))
        metrics.gauge("vaho_log_bytes", "Size of the log of batches.", Double(totals.logBytes))
        metrics.gauge(
            "vaho_devices_of_two_hosts", "Devices as which two hosts send.", Double(try devicesOfTwoHosts().count))
        metrics.gauge(
            "vaho_devices_over_quota", "Devices that have stored as much today as they may.", Double(try devicesOverQuota(now: LabelClock.wallClock)))
        if let free { metrics.gauge("vaho_store_free_bytes", "Bytes left on the disk of the archive.", Double(free)) }
        if let release = try releaseName(alias: Archive.champion) {
            metrics.gauge("vaho_release_counter", "Counter of the release that is served.", Double(release.counter))
        }
        return metrics.text
    }
}

extension CloudAPI {
    static func hours(_ request: HTTPRequest) throws -> Int64 {
        let text = request.query["hours"] ?? "72"
        guard let hours = Int64(text), (1...9_600).contains(hours) else {
            throw Problem(status: 400, detail: "hours=\(text.prefix(40)): expected a whole number from 1 to 9600")
        }
        return hours
    }

    func forecast(_ request: HTTPRequest, _ id: String) async throws -> [UInt8] {
        guard let horizon = request.query["horizon"].map({ ISO8601Duration.parse($0) }) ?? ForecastShape.horizon else {
            throw Problem(status: 400, detail: "horizon=\(request.query["horizon"]?.prefix(40) ?? ""): expected an ISO 8601 duration such as PT24H")
        }
        let name = request.query["sensor"]
        return try await forecastTurns.turn(of: request.peer) { _ in
            let sensor = try await reader.perform { try $0.sensor(name, of: id) }
            guard let made = try await forecasts.forecast(sensor) else {
                throw Problem(status: 404, detail: "there is no observation of \(sensor.name) yet")
            }
            let moisture = MoistureAhead(made.forecast, mould: made.mould)
            return Documents.forecast(
                sensor: sensor.name, made.forecast, moisture, issuedAt: LabelClock.wallClock, release: made.release, horizon: horizon)
        }
    }
}

extension Problem {
    static func noDevice(_ id: String) -> Problem { Problem(status: 404, detail: "there is no device «\(id.prefix(64))»") }
}

extension Archive.Alarm.Kind {
    /// For people.
    package var text: String {
        switch self {
        case .silent: "nothing has been heard from this device"
        case .twoHosts: "two hosts send as this device: give one of them a name and a token of its own"
        }
    }
}

extension Archive.DeviceView {
    fileprivate func write(to json: inout JSONWriter) {
        var shown = Documents.Device(
            id: device.name, lastSeenAt: device.lastSeenAt, backlog: report?.backlog ?? 0, clock: report?.clock ?? .unknown, release: report?.release,
            refusal: report?.refusal,
            sensors: sensors.map { view in
                var sensor = Documents.Sensor(
                    name: view.sensor.name, kind: view.sensor.kind, place: view.sensor.place, step: view.sensor.grid.step, state: .ok, last: view.last
                )
                (sensor.pressurePa, sensor.flags) = (view.pressurePa, view.flags)
                return sensor
            }, scores: report?.scores ?? [])
        shown.alerts = report?.alerts ?? []
        shown.isRevoked = device.revokedAt != nil
        shown.isTwoHosts = isTwoHosts
        shown.faults = faults
        // A replayed recording has a clock of its own: then the newest observation tells the device's time.
        let newest = sensors.compactMap { $0.last?.validAt }.max()
        let wall = LabelClock.wallClock
        let isReplay = sensors.contains { $0.sensor.kind == "replay" }
        Documents.device(shown, now: isReplay ? newest ?? wall : wall, to: &json)
    }
}

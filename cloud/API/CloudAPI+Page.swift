internal import Archive
internal import Forecasting
internal import HTTPServer
internal import Measures
internal import Observing
internal import Pipeline
internal import Runtime
internal import Text
internal import Wire

/// What people ask: the fleet, observations, forecasts, models, runs.
extension CloudAPI {
    func fleet() async throws -> [UInt8] {
        let release = try await reader.releaseName(alias: Archive.champion)
        let createdAt = try await reader.releases().first { $0.name == release }?.createdAt
        var views: [(device: Documents.Device, now: Instant)] = []
        for device in try await reader.devices() { views.append(try await view(device)) }
        var json = JSONWriter()
        json.object { json in
            json.field("now", RFC3339.format(ms: LabelClock.wallClock.ms))
            Documents.release("release", release, createdAt: createdAt, to: &json)
            json.array("devices") { json in
                for view in views { json.object { json in Documents.device(view.device, now: view.now, to: &json) } }
            }
        }
        return json.bytes
    }

    func device(_ id: String) async throws -> [UInt8] {
        let known = try await device(named: id)
        let (view, now) = try await view(known)
        let holes = try await reader.holes(of: known.id, limit: 50)
        let alarms = try await reader.alarms(of: known.id)
        var json = JSONWriter()
        json.object { json in
            Documents.device(view, now: now, to: &json)
            json.array("holes") { json in
                for hole in holes {
                    json.object { json in Documents.hole(hole, to: &json) }
                }
            }
            json.array("alarms") { json in
                for alarm in alarms {
                    json.object { json in
                        json.field("kind", "silent")
                        json.field("since", RFC3339.format(ms: alarm.since.ms))
                        json.field("ended", alarm.endedAt.map { RFC3339.format(ms: $0.ms) })
                    }
                }
            }
        }
        return json.bytes
    }

    private func device(named id: String) async throws -> Archive.Device {
        guard let name = DeviceID(id), let device = try await reader.device(named: name) else {
            throw Problem(status: 404, detail: "there is no device «\(id.prefix(64))»")
        }
        return device
    }

    private func view(_ device: Archive.Device) async throws -> (device: Documents.Device, now: Instant) {
        let report = try await reader.report(of: device.id)
        var sensors: [Documents.Sensor] = []
        for sensor in try await reader.sensors(of: device.name) {
            let last = try await reader.observations(sensor: sensor.id, since: (sensor.lastAt ?? Instant(ms: 0)) - sensor.grid.step).last.map {
                // A bin that is still open bears the time of its end, which is yet to come.
                Observation(validAt: min($0.validAt, sensor.lastAt ?? $0.validAt), humidity: $0.humidity, temperature: $0.temperature)
            }
            var shown = Documents.Sensor(
                name: sensor.name, kind: sensor.kind, place: sensor.place, step: sensor.grid.step, state: .ok, last: last)
            (shown.pressurePa, shown.flags) = try await reader.newestBeside(sensor: sensor.id)
            sensors.append(shown)
        }
        var view = Documents.Device(
            id: device.name, lastSeenAt: device.lastSeenAt, backlog: report?.backlog ?? 0, clock: report?.clock ?? .unknown,
            release: report?.release, refusal: report?.refusal, sensors: sensors, scores: report?.scores ?? [])
        view.alerts = report?.alerts ?? []
        view.isRevoked = device.revokedAt != nil
        // A replayed recording has a clock of its own: then the newest observation tells the device's time.
        let newest = sensors.compactMap { $0.last?.validAt }.max()
        let wall = LabelClock.wallClock
        let isReplay = sensors.contains { $0.kind == "replay" }
        return (view, isReplay ? newest ?? wall : wall)
    }

    private func sensor(_ request: HTTPRequest, _ id: String) async throws -> Archive.Sensor {
        let device = try await device(named: id)
        let sensors = try await reader.sensors(of: device.name)
        let names = sensors.isEmpty ? "none" : sensors.map(\.name.name).joined(separator: ", ")
        guard let name = request.query["sensor"] else {
            guard let only = sensors.first, sensors.count == 1 else { throw Problem(status: 400, detail: "sensor is missing: there are \(names)") }
            return only
        }
        guard let sensor = sensors.first(where: { $0.name.name == name }) else {
            throw Problem(status: 404, detail: "the device \(id) has no sensor «\(name.prefix(64))»: there are \(names)")
        }
        return sensor
    }

    func observations(_ request: HTTPRequest, _ id: String) async throws -> [UInt8] {
        let text = request.query["hours"] ?? "72"
        guard let hours = Int64(text), (1...9_600).contains(hours) else {
            throw Problem(status: 400, detail: "hours=\(text.prefix(40)): expected a whole number from 1 to 9600")
        }
        let sensor = try await sensor(request, id)
        let since = (sensor.lastAt ?? Instant(ms: 0)) - .seconds(hours * 3_600)
        return Documents.observations(
            sensor: sensor.name, step: sensor.grid.step, try await reader.observations(sensor: sensor.id, since: since, limit: 60_000))
    }

    func forecast(_ request: HTTPRequest, _ id: String) async throws -> [UInt8] {
        guard let horizon = request.query["horizon"].map({ ISO8601Duration.parse($0) }) ?? ForecastShape.horizon else {
            throw Problem(status: 400, detail: "horizon=\(request.query["horizon"]?.prefix(40) ?? ""): expected an ISO 8601 duration such as PT24H")
        }
        let sensor = try await sensor(request, id)
        guard let made = try await forecasts.forecast(sensor) else {
            throw Problem(status: 404, detail: "there is no observation of \(sensor.name) yet")
        }
        let moisture = MoistureAhead(made.forecast, mould: made.mould)
        return Documents.forecast(
            sensor: sensor.name, made.forecast, moisture, issuedAt: LabelClock.wallClock, release: made.release, horizon: horizon)
    }

    func models() async throws -> [UInt8] {
        let releases = try await reader.releases()
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

    func runs() async throws -> [UInt8] {
        let runs = try await reader.runs(limit: 100)
        var json = JSONWriter()
        json.object { json in
            json.array("runs") { json in
                for run in runs {
                    json.object { json in
                        json.field("started_at", RFC3339.format(ms: run.startedAt.ms))
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

    func metrics() async throws -> String {
        let totals = try await reader.totals()
        var metrics = MetricsText()
        metrics.gauge("vaho_devices", "Devices that are not revoked.", Double(totals.devices))
        metrics.counter("vaho_batches_total", "Batches in the log.", Double(totals.batches))
        metrics.counter("vaho_readings_total", "Readings in the log.", Double(totals.readings))
        metrics.gauge("vaho_devices_silent", "Devices that have fallen silent.", Double(try await reader.silentDevices()))
        metrics.gauge("vaho_underived_batches", "Batches whose observations are not derived yet.", Double(try await reader.underived()))
        metrics.gauge("vaho_log_bytes", "Size of the log of batches.", Double(totals.logBytes))
        if let release = try await reader.releaseName(alias: Archive.champion) {
            metrics.gauge("vaho_release_counter", "Counter of the release that is served.", Double(release.counter))
        }
        return metrics.text
    }
}

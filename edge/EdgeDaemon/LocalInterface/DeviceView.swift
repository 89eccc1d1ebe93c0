package import APIDocuments
package import EdgeStore
package import Forecasting
package import Measures
internal import Observing
internal import Releases
internal import Runtime
internal import Text
internal import Wire

/// The device as the local API, the web page and `vaho-edge status` show it. Reads only the store.
package enum DeviceView {
    /// - Parameters:
    ///   - statuses: the status of each sensor, after `aged`.
    ///   - uplink: how the last exchange with the cloud ended.
    package static func document(
        _ settings: EdgeSettings, named device: DeviceID, store: ReadingStore, mouldIndexes: MouldIndexes, statuses: [SensorStatus],
        uplink: UplinkState?,
        release: NamedRelease?, refusal: String?, clock: ClockQuality
    ) async throws -> DeviceDocument {
        let counts = try await store.counts()
        var sensors: [DeviceDocument.Sensor] = []
        for status in statuses { sensors.append(try await sensor(status, among: statuses, settings.surfaces, store, mouldIndexes)) }
        var view = DeviceDocument(
            id: device, condition: condition(uplink, clock), lastSeenAt: statuses.compactMap { $0.newest?.takenAt }.max(),
            backlog: counts.backlog, clock: clock, release: release?.name, releaseRefusal: refusal, sensors: sensors,
            scores: try await store.read { try $0.scores.live() })
        view.releaseExpiresAt = release?.release.header.expiresAt
        view.alerts = try await store.alerts()
        view.thresholds = settings.rules.compactMap(\.humidityThreshold)
        return view
    }

    private static func condition(_ uplink: UplinkState?, _ clock: ClockQuality) -> DeviceCondition {
        if let refused = uplink?.condition, refused.state != .ok { return refused }
        return clock == .unknown
            ? DeviceCondition(.clockUnset, detail: "the clock has not been set since the host started: times of readings are guesses") : .ok
    }

    private static func sensor(
        _ status: SensorStatus, among all: [SensorStatus], _ surfaces: [SensorName: EdgeSettings.Surface], _ store: ReadingStore,
        _ mouldIndexes: MouldIndexes
    ) async throws -> DeviceDocument.Sensor {
        let name = status.record.sensor
        var sensor = DeviceDocument.Sensor(
            name: name, kind: status.record.kind, place: status.record.place, step: status.record.step, condition: status.condition,
            last: status.last)
        (sensor.pressurePa, sensor.flags) = (status.newestPassed?.pressurePa, status.newestPassed?.flags ?? [])
        sensor.rejected = status.rejected.map { DeviceDocument.Sensor.Rejected(at: $0.takenAt, humidityMpct: $0.humidityMpct) }
        sensor.scores = try await store.read { try $0.scores.live(sensor: status.id) }
        sensor.hasForecast = try await store.newestObservation(of: name) != nil
        guard let present = sensor.present else { return sensor }
        sensor.mould = try await mouldIndexes.index(of: name, beside: surfaces[name], at: present.validAt)
        switch surfaces[name] {
        case .at(let temperature): sensor.surface = temperature
        case .measured(let other):
            // Ignore a surface sensor that is silent: its last temperature is out of date.
            guard let surfaceStatus = all.first(where: { $0.record.sensor == other }), surfaceStatus.condition.state.isPresent,
                let last = surfaceStatus.last
            else { break }
            if abs((last.validAt - present.validAt).ms) <= 3_600_000 { sensor.surface = last.temperature }
        case nil: break
        }
        return sensor
    }

    /// A sentence that tells the user whether and when the forecast crosses a threshold. Times in UTC.
    package static func outlook(of sensor: SensorStatus, _ forecast: QuantileForecast?, _ thresholds: [HumidityThreshold], now: Instant) -> String {
        let name = sensor.record.sensor
        // For a recording, now is the origin of its last forecast.
        let now = sensor.record.kind == "replay" ? forecast?.origin ?? now : now
        return OutlookText.text(
            forecast, thresholds, sensor: name, sensor.condition, step: sensor.record.step, present: sensor.last?.humidity, now: now, offset: .zero,
            zone: " UTC")
    }

    /// The forecast of the water in the air, of the humidity at the surface beside the sensor, and of mould.
    package static func moisture(
        ahead forecast: QuantileForecast, of sensor: SensorName, store: ReadingStore, mouldIndexes: MouldIndexes,
        surfaces: [SensorName: EdgeSettings.Surface]
    ) async throws -> MoistureForecast {
        let mould = forecast.temperature == nil ? nil : try await mouldIndexes.index(of: sensor, beside: surfaces[sensor], at: forecast.origin)
        switch surfaces[sensor] {
        case .at(let temperature): return MoistureForecast(forecast, mould: mould) { _ in temperature }
        case .measured(let other):
            // Use the forecast of the surface sensor. Without a forecast, or with an old one, the surface temperature is unknown.
            guard let surfaceForecast = try await store.forecast(of: other)?.forecast else { break }
            return MoistureForecast(forecast, mould: mould) { surfaceForecast.temperature(at: $0) }
        case nil: break
        }
        return MoistureForecast(forecast, mould: mould)
    }

    /// The body of `/v1/status` and of `vaho-edge status --format json`.
    package static func json(
        _ device: DeviceDocument, counts: StoreCounts, writtenPerDay: Int64?, uplink: UplinkState?, holes: [Hole], now: Instant
    ) -> [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.field("now", RFC3339.format(ms: now.ms))
            json.object("device") { json in device.write(now: now, to: &json) }
            json.object("store") { json in
                json.field("readings", counts.readings)
                json.field("bytes", counts.bytes)
                json.field("backlog", counts.backlog)
                json.field("evicted", counts.evicted)
                json.field("refused", counts.refused)
                json.field("epoch", counts.epoch?.name.description)
                json.field("epoch_reason", counts.epoch?.reason)
                json.field("epochs", counts.epochs)
                json.field("written_bytes_per_day", writtenPerDay)
                json.field("only_in_memory", counts.memoryOnly)
                json.field("unstored_readings", counts.unstored)
            }
            if let uplink {
                json.object("uplink") { json in
                    json.field("state", uplink.kind.rawValue)
                    json.field("status", uplink.status)
                    json.field("detail", uplink.detail.isEmpty ? nil : uplink.detail)
                    json.field("since", RFC3339.format(ms: uplink.since.ms))
                }
            } else {
                json.null("uplink")
            }
            json.array("holes") { json in
                for hole in holes {
                    json.object { json in Documents.hole(hole, to: &json) }
                }
            }
        }
        return json.bytes
    }

    package static func readings(_ sensor: SensorName, _ readings: [Reading]) -> [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.field("sensor", sensor.name)
            json.array("time") { json in for reading in readings { json.string(RFC3339.format(ms: reading.takenAt.ms)) } }
            json.array("humidity_pct") { json in for reading in readings { json.number(reading.humidityMpct.map { Double($0) / 1_000 }, places: 3) } }
            json.array("temperature_c") { json in for reading in readings { json.number(reading.temperatureMc.map { Double($0) / 1_000 }, places: 3) }
            }
            json.array("flags") { json in for reading in readings { json.integer(reading.flags.rawValue) } }
            json.array("clock") { json in for reading in readings { json.string(reading.clock.name) } }
        }
        return json.bytes
    }
}

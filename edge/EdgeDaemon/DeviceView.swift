package import Forecasting
package import Measures
internal import Observing
internal import Runtime
internal import Text
package import Wire

/// The device as its API, its page and its status command show it; from the store alone.
package enum DeviceView {
    package static func document(
        _ device: DeviceID, store: ReadingStore, surfaces: [SensorName: EdgeSettings.Surface], release: ReleaseName?, refusal: String?,
        clock: ClockQuality
    ) async throws -> Documents.Device {
        let counts = try await store.counts()
        let statuses = try await store.sensorStatuses()
        var sensors: [Documents.Sensor] = []
        for status in statuses {
            var sensor = Documents.Sensor(
                name: status.record.sensor, kind: status.record.kind, place: status.record.place, step: status.record.step,
                state: Documents.Sensor.State(rawValue: status.state) ?? .ok, last: status.last)
            (sensor.pressurePa, sensor.flags) = (status.pressurePa, status.flags)
            if let last = status.last {
                sensor.mould = try await store.mouldIndex(sensor: status.id, beside: surfaces[status.record.sensor], at: last.validAt)
                switch surfaces[status.record.sensor] {
                case .at(let temperature): sensor.surface = temperature
                case .measured(let other):
                    // One that has fallen silent says nothing of now.
                    let there = statuses.first { $0.record.sensor == other }?.last
                    if let there, let temperature = there.temperature, abs((there.validAt - last.validAt).ms) <= 3_600_000 {
                        sensor.surface = temperature
                    }
                case nil: break
                }
            }
            sensors.append(sensor)
        }
        var view = Documents.Device(
            id: device, lastSeenAt: sensors.compactMap { $0.last?.validAt }.max(), backlog: counts.backlog, clock: clock, release: release,
            refusal: refusal, sensors: sensors, scores: try await store.liveScores())
        view.alerts = try await store.alerts()
        return view
    }

    /// What a forecast says of the water in the air, at the surface beside it and of mould.
    package static func moisture(
        ahead forecast: QuantileForecast, of sensor: ReadingStore.SensorStatus, store: ReadingStore, surfaces: [SensorName: EdgeSettings.Surface]
    ) async throws -> MoistureAhead {
        let mould =
            forecast.temperature == nil
            ? nil : try await store.mouldIndex(sensor: sensor.id, beside: surfaces[sensor.record.sensor], at: forecast.origin)
        switch surfaces[sensor.record.sensor] {
        case .at(let temperature): return MoistureAhead(forecast, mould: mould) { _ in temperature }
        case .measured(let other):
            // What is forecast of that sensor; one that has none, or an old one, says nothing of what comes.
            guard let id = await store.sensor(named: other), let there = try await store.forecast(sensor: id)?.forecast else { break }
            return MoistureAhead(forecast, mould: mould) { there.temperature(at: $0) }
        case nil: break
        }
        return MoistureAhead(forecast, mould: mould)
    }

    /// `/v1/status`, and `vaho-edge status --format json`.
    package static func json(_ device: Documents.Device, counts: ReadingStore.Counts, holes: [Hole], now: Instant) -> [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.field("now", RFC3339.format(ms: now.ms))
            json.object("device") { json in Documents.device(device, now: now, to: &json) }
            json.object("store") { json in
                json.field("readings", counts.readings)
                json.field("bytes", counts.bytes)
                json.field("backlog", counts.backlog)
                json.field("evicted", counts.evicted)
                json.field("refused", counts.refused)
                json.field("epoch", counts.epoch?.name.description)
                json.field("epoch_reason", counts.epoch?.reason)
                json.field("epochs", counts.epochs)
                json.field("written_bytes_per_day", counts.writtenPerDay)
                json.field("uplink", counts.uplink)
                json.field("only_in_memory", counts.refuge)
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

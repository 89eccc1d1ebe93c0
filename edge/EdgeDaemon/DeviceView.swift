internal import Forecasting
package import Measures
internal import Observing
internal import Runtime
internal import Text
package import Wire

/// The device as its API, its page and its status command show it; from the store alone.
package enum DeviceView {
    package static func document(
        _ device: DeviceID, store: ReadingStore, release: ReleaseName?, refusal: String?, clock: ClockQuality
    ) async throws -> Documents.Device {
        let counts = try await store.counts()
        let sensors = try await store.sensorStatuses().map { status in
            Documents.Sensor(
                name: status.record.sensor, kind: status.record.kind, place: status.record.place, step: status.record.step,
                state: Documents.Sensor.State(rawValue: status.state) ?? .ok, last: status.last)
        }
        return Documents.Device(
            id: device, lastSeenAt: sensors.compactMap { $0.last?.validAt }.max(), backlog: counts.backlog, clock: clock, release: release,
            refusal: refusal, sensors: sensors, scores: try await store.liveScores())
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

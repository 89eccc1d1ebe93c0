package import Forecasting
package import Measures
package import Psychrometrics
package import Text

/// The JSON documents of both programs' HTTP APIs, written in one place so that one page reads both.
package enum Documents {
    package struct Device: Sendable {
        package var id: DeviceID
        package var lastSeenAt: Instant?
        package var isRevoked = false
        package var backlog: Int64
        package var clock: ClockQuality
        package var release: ReleaseName?
        package var refusal: String?
        package var sensors: [Sensor]
        package var scores: [LiveScore]
        package var alerts: [ThresholdAlert] = []  // that are on
        package var isTwoHosts = false  // two hosts send as this device
        package var faults: [String] = []  // rows of the archive that cannot be read

        package init(
            id: DeviceID, lastSeenAt: Instant?, backlog: Int64, clock: ClockQuality, release: ReleaseName?, refusal: String? = nil,
            sensors: [Sensor], scores: [LiveScore]
        ) {
            self.id = id
            self.lastSeenAt = lastSeenAt
            self.backlog = backlog
            self.clock = clock
            self.release = release
            self.refusal = refusal
            self.sensors = sensors
            self.scores = scores
        }
    }

    package struct Sensor: Sendable {
        package enum State: String, Sendable { case ok, failing, silent }
        package var name: SensorName
        package var kind: String
        package var place: String
        package var step: Duration
        package var state: State
        package var last: Observation?
        package var pressurePa: Int32?
        package var flags: ReadingFlags = []  // beside the last
        package var mould: MouldIndex?

        package var surface: Temperature?  // of a wall or pane beside the air

        /// Of the last air where it is cooled to the surface: above 100 % water condenses there.
        package var humidityAtSurface: RelativeHumidity? {
            guard let surface, let last, let air = last.temperature else { return nil }
            return MoistAir.humidity(at: surface, of: air, at: last.humidity)
        }

        package init(name: SensorName, kind: String, place: String, step: Duration, state: State, last: Observation?) {
            self.name = name
            self.kind = kind
            self.place = place
            self.step = step
            self.state = state
            self.last = last
        }
    }

    /// - Parameter now: by the device's own clock: a replay's is not the host's.
    package static func device(_ device: Device, now: Instant, to json: inout JSONWriter) {
        json.field("id", device.id.name)
        json.field("now", RFC3339.format(ms: now.ms))
        json.field("last_seen_at", device.lastSeenAt.map { RFC3339.format(ms: $0.ms) })
        json.field("revoked", device.isRevoked)
        json.field("two_hosts", device.isTwoHosts)
        if !device.faults.isEmpty { json.array("faults") { json in for fault in device.faults { json.string(fault) } } }
        json.field("backlog", device.backlog)
        json.field("clock", device.clock.name)
        release("release", device.release, to: &json)
        json.field("release_refused", device.refusal)
        json.array("sensors") { json in
            for sensor in device.sensors {
                json.object { json in
                    json.field("name", sensor.name.name)
                    json.field("kind", sensor.kind)
                    json.field("place", sensor.place.isEmpty ? nil : sensor.place)
                    json.field("step_s", sensor.step.wholeSeconds)
                    json.field("state", sensor.state.rawValue)
                    guard let last = sensor.last else { return json.null("last") }
                    json.object("last") { json in
                        json.field("time", RFC3339.format(ms: last.validAt.ms))
                        json.field("humidity_pct", last.humidity.percent, places: 3)
                        json.field("temperature_c", last.temperature?.celsius, places: 3)
                        json.array("flags") { json in for name in sensor.flags.names { json.string(name) } }
                        derived(last, sensor, to: &json)
                    }
                }
            }
        }
        json.array("alerts") { json in for alert in device.alerts { json.object { json in alert.write(to: &json) } } }
        json.array("scores") { json in
            for score in device.scores { json.object { json in Documents.score(score, to: &json) } }
        }
    }

    /// What follows from humidity and temperature together; `null` without a temperature.
    private static func derived(_ last: Observation, _ sensor: Sensor, to json: inout JSONWriter) {
        let water = last.temperature.flatMap { WaterInAir($0, last.humidity) }
        json.field("dew_point_c", water?.dewPoint.celsius, places: 2)
        json.field("vapour_pressure_pa", water?.vapourPressure, places: 0)
        json.field("absolute_humidity_g_m3", water?.absoluteHumidity, places: 2)
        json.field("pressure_hpa", sensor.pressurePa.map { Double($0) / 100 }, places: 2)
        if let surface = sensor.surface, let humidity = sensor.humidityAtSurface, let air = last.temperature,
            let condensation = MoistAir.condensationPoint(of: air, at: last.humidity)
        {
            json.object("surface") { json in
                json.field("temperature_c", surface.celsius, places: 2)
                json.field("humidity_pct", humidity.percent, places: 1)
                json.field("above_dew_point_k", surface.celsius - condensation.celsius, places: 2)
            }
        }
        if let mould = sensor.mould, let room = last.temperature {
            let (air, humidity) = sensor.surface.map { MoistAir.air(at: $0, of: room, at: last.humidity) } ?? (room, last.humidity)
            json.object("mould") { json in
                json.field("index", mould.value, places: 2)
                json.field("critical_humidity_pct", MouldIndex.criticalHumidity(at: air)?.percent, places: 1)
                json.field("growing", MouldIndex.grows(in: air, at: humidity))
            }
        }
    }

    package static func hole(_ hole: Hole, to json: inout JSONWriter) {
        json.field("sensor", hole.sensor?.name)
        json.field("reason", hole.reason.name)
        json.field("from", RFC3339.format(ms: hole.from.ms))
        json.field("to", RFC3339.format(ms: hole.to.ms))
        json.field("count", hole.count)
    }

    private static func score(_ score: LiveScore, to json: inout JSONWriter) {
        json.field("release", score.releaseCounter)
        json.field("lead_time_s", score.leadTimeSeconds)
        json.field("count", score.count)
        json.field("mae_pct", Double(score.absoluteErrorMpct) / 1_000, places: 3)
        json.field("persistence_mae_pct", Double(score.persistenceErrorMpct) / 1_000, places: 3)
        json.field("climatology_mae_pct", Double(score.climatologyErrorMpct) / 1_000, places: 3)
        json.field("coverage_80", Double(score.coveredPpm) / 1_000_000, places: 4)
    }

    package static func release(_ key: String, _ release: ReleaseName?, createdAt: Instant? = nil, to json: inout JSONWriter) {
        guard let release else { return json.null(key) }
        json.object(key) { json in
            json.field("counter", release.counter)
            json.field("sha256", hexadecimal(release.sha256))
            if let createdAt { json.field("created_at", RFC3339.format(ms: createdAt.ms)) }
        }
    }

    package static func observations(sensor: SensorName, step: Duration, _ observations: [Observation]) -> [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.field("sensor", sensor.name)
            json.field("step_s", step.wholeSeconds)
            json.array("time") { json in for row in observations { json.string(RFC3339.format(ms: row.validAt.ms)) } }
            json.array("humidity_pct") { json in for row in observations { json.number(row.humidity.percent, places: 3) } }
            json.array("temperature_c") { json in for row in observations { json.number(row.temperature?.celsius, places: 3) } }
        }
        return json.bytes
    }

    /// - Parameter horizon: lead times beyond it are left out.
    package static func forecast(
        sensor: SensorName, _ forecast: QuantileForecast, _ moisture: MoistureAhead, issuedAt: Instant, release: ReleaseName?, horizon: Duration
    ) -> [UInt8] {
        let leads = forecast.leadTimes.indices.filter { forecast.leadTimes[$0] <= horizon }
        var json = JSONWriter()
        json.object { json in
            json.field("sensor", sensor.name)
            json.field("origin", RFC3339.format(ms: forecast.origin.ms))
            json.field("issued_at", RFC3339.format(ms: issuedAt.ms))
            json.field("method", forecast.method.name)
            Documents.release("release", release, to: &json)
            json.array("levels") { json in for level in ForecastShape.levels { json.number(level, places: 4) } }
            json.array("lead_time_s") { json in for lead in leads { json.integer(forecast.leadTimes[lead].wholeSeconds) } }
            json.array("time") { json in
                for lead in leads { json.string(RFC3339.format(ms: (forecast.origin + forecast.leadTimes[lead]).ms)) }
            }
            json.array("humidity_pct") { json in
                for lead in leads {
                    json.array { json in
                        for level in ForecastShape.levels.indices { json.number(forecast.humidity(lead: lead, level: level), places: 2) }
                    }
                }
            }
            json.array("skill_vs_climatology") { json in for lead in leads { json.number(forecast.skill[lead], places: 2) } }
            json.object("skill_end") { json in skillEnd(forecast.skillEnd, to: &json) }
            json.array("temperature_c") { json in for lead in leads { json.number(forecast.temperature?[lead], places: 2) } }
            json.array("dew_point_c") { json in for lead in leads { json.number(moisture.water[lead]?.dewPoint.celsius, places: 2) } }
            json.array("vapour_pressure_pa") { json in for lead in leads { json.number(moisture.water[lead]?.vapourPressure, places: 0) } }
            json.array("absolute_humidity_g_m3") { json in for lead in leads { json.number(moisture.water[lead]?.absoluteHumidity, places: 2) } }
            if let surface = moisture.surfaceHumidity {
                json.array("surface_humidity_pct") { json in for lead in leads { json.number(surface[lead]?.percent, places: 1) } }
            }
            if let mould = moisture.mould { json.array("mould_index") { json in for lead in leads { json.number(mould[lead].value, places: 3) } } }
        }
        return json.bytes
    }

    private static func skillEnd(_ end: SkillEnd, to json: inout JSONWriter) {
        switch end {
        case .unknown:
            json.field("state", "unknown")
            json.null("lead_time_s")
        case .beyondHorizon:
            json.field("state", "beyond_horizon")
            json.null("lead_time_s")
        case .after(let leadTime):
            json.field("state", "after")
            json.field("lead_time_s", leadTime.wholeSeconds)
        }
    }

    /// RFC 9457 problem details.
    package static func problem(status: Int, title: String, detail: String, pointer: String? = nil) -> [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.field("type", "about:blank")
            json.field("title", title)
            json.field("status", status)
            json.field("detail", detail)
            if let pointer {
                json.array("errors") { json in
                    json.object { json in
                        json.field("pointer", pointer)
                        json.field("detail", detail)
                    }
                }
            }
        }
        return json.bytes
    }

    package static func hexadecimal(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    /// - Returns: `nil` where the text is not pairs of hexadecimal digits.
    package static func bytes(hexadecimal text: String) -> [UInt8]? {
        let digits = text.utf8.map { Character(UnicodeScalar($0)).hexDigitValue }
        guard digits.count % 2 == 0, !digits.contains(nil) else { return nil }
        return stride(from: 0, to: digits.count, by: 2).map { UInt8((digits[$0] ?? 0) << 4 | (digits[$0 + 1] ?? 0)) }
    }
}

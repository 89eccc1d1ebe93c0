package import Forecasting
package import Measures
internal import Psychrometrics
package import Text

/// The JSON documents of both programs' HTTP APIs, written in one place so that one page reads both: observations, forecasts, problems.
package enum Documents {
    package static func hole(_ hole: Hole, to json: inout JSONWriter) {
        json.field("sensor", hole.sensor?.name)
        json.field("reason", hole.reason.name)
        json.field("from", RFC3339.format(ms: hole.from.ms))
        json.field("to", RFC3339.format(ms: hole.to.ms))
        json.field("count", hole.count)
    }

    static func score(_ score: LiveScore, to json: inout JSONWriter) {
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

    /// - Parameters:
    ///   - horizon: lead times beyond it are left out.
    ///   - reader: context for the outlook.
    package static func forecast(
        sensor: SensorName, _ forecast: QuantileForecast, _ moisture: MoistureAhead, issuedAt: Instant, release: ReleaseName?, horizon: Duration,
        reader: OutlookReader
    ) -> [UInt8] {
        let leads = forecast.leadTimes.indices.filter { forecast.leadTimes[$0] <= horizon }
        var json = JSONWriter()
        json.object { json in
            json.field("sensor", sensor.name)
            json.field("origin", RFC3339.format(ms: forecast.origin.ms))
            json.field("issued_at", RFC3339.format(ms: issuedAt.ms))
            json.field("method", forecast.method.name)
            Documents.release("release", release, to: &json)
            json.object("outlook") { json in reader.write(forecast, of: sensor, to: &json) }
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

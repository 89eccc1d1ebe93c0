package import Forecasting
package import Measures
internal import Psychrometrics
package import Text
package import Wire

/// The JSON documents of both programs' HTTP APIs, defined once so that one page can read both: observations, forecasts, holes, scores.
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
    ///   - horizon: longer lead times are omitted.
    ///   - levels: see `QuantileForecast.humidity(lead:at:)`.
    ///   - context: the inputs of the outlook besides the forecast.
    package static func forecast(
        sensor: SensorName, _ forecast: QuantileForecast, _ moisture: MoistureForecast, issuedAt: Instant, release: ReleaseReference?,
        horizon: Duration, levels: [Double] = ForecastShape.levels,
        context: OutlookContext
    ) -> [UInt8] {
        let leads = forecast.leadTimes.indices.filter { forecast.leadTimes[$0] <= horizon }
        var json = JSONWriter()
        json.object { json in
            json.field("sensor", sensor.name)
            json.field("origin", RFC3339.format(ms: forecast.origin.ms))
            json.field("issued_at", RFC3339.format(ms: issuedAt.ms))
            json.field("method", forecast.method.name)
            json.field("release", release)
            json.object("outlook") { json in context.write(forecast, of: sensor, to: &json) }
            Documents.levels(of: forecast, horizon: horizon, at: levels, to: &json)
            json.array("skill_vs_climatology") { json in for lead in leads { json.number(forecast.skill[lead], places: 2) } }
            json.object("skill_end") { json in skillHorizon(forecast.skillHorizon, to: &json) }
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

    /// Writes the lead times, their instants and the humidity at each level.
    package static func levels(of forecast: QuantileForecast, horizon: Duration, at levels: [Double], to json: inout JSONWriter) {
        let leads = forecast.leadTimes.indices.filter { forecast.leadTimes[$0] <= horizon }
        json.array("levels") { json in for level in levels { json.number(level, places: 4) } }
        json.array("lead_time_s") { json in for lead in leads { json.integer(forecast.leadTimes[lead].wholeSeconds) } }
        json.array("time") { json in
            for lead in leads { json.string(RFC3339.format(ms: (forecast.origin + forecast.leadTimes[lead]).ms)) }
        }
        json.array("humidity_pct") { json in
            for lead in leads {
                json.array { json in for level in levels { json.number(forecast.humidity(lead: lead, at: level), places: 2) } }
            }
        }
    }

    private static func skillHorizon(_ end: SkillHorizon, to json: inout JSONWriter) {
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
}

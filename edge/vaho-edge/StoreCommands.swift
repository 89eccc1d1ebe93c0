internal import Console
internal import EdgeDaemon
internal import EdgeStore
internal import Forecasting
internal import Measures
internal import Observing
internal import Psychrometrics
internal import Releases
internal import Runtime
internal import Text
internal import Wire

// Commands that read the store, whether the daemon runs or not.

func thousandths(_ value: Int32?) -> String { value.map { NumberText.thousandths(Int64($0)) } ?? "" }
func fixed(_ value: Double?, _ places: Int) -> String { value.flatMap { NumberText.fixed($0, places: places) } ?? "" }

/// Opens the store read-only and reads the status of the named sensor, or of all sensors.
func openStore(_ arguments: Arguments) async throws -> (EdgeSettings, ReadingStore, [SensorStatus]) {
    let settings = try EdgeSettings.read(arguments, sensorsNeeded: false)
    let store = try await ReadingStore(readOnlyPath: settings.storePath, log: Log("vaho-edge"))
    let now = WallClock.now
    // Pending readings are not in the store yet, so the newest stored reading may be older by the commit period.
    let spacing = settings.samplePeriod + settings.commitPeriod
    var statuses = try await SensorStatuses(store: store).all().map { $0.aged(at: now, period: spacing) }
    if let name = arguments.value("sensor") {
        let known = WordList.text(statuses.map(\.record.sensor.name))
        statuses = statuses.filter { $0.record.sensor.name == name }
        guard !statuses.isEmpty else { throw CommandFailure("there is no sensor «\(name)» in the store: there are \(known)") }
    }
    guard !statuses.isEmpty else { throw CommandFailure("the store holds no sensor yet: start vaho-edge run") }
    return (settings, store, statuses)
}

private func words(_ end: SkillHorizon) -> String {
    switch end {
    case .unknown: "skill: not known yet, too few forecasts have been scored"
    case .beyondHorizon: "skill: lasts to the end of five days"
    case .after(.zero): "skill: no better than climatology at any lead time"
    case .after(let leadTime): "skill: ends at \(DurationText.short(leadTime)), later the forecast is no better than climatology"
    }
}

extension Program.Command {
    static let forecast = Program.Command(
        "forecast", "the newest forecast of each sensor, or a forecast from the FILE of a third-party logger",
        usage: "[FILE] [--sensor NAME] [--horizon 24h] [--format FORMAT]",
        options: [
            .config, .sensor, Arguments.Option("horizon", value: "DURATION", "the longest lead time to show, 1h to 5d (default 5d)"),
            OutputFormat.option,
        ] + FileForecast.options, positional: 0...1
    ) { arguments in
        let format = try arguments.choice("format", default: OutputFormat.table)
        let horizon = try arguments.duration("horizon") ?? ForecastShape.horizon
        guard horizon <= ForecastShape.horizon else { throw UsageError("--horizon \(DurationText.short(horizon)): a forecast reaches 5 days (5d)") }
        if let path = arguments.positional.first {
            try writeForecast(ofFile: path, arguments, horizon, format)
            return
        }
        let (settings, store, statuses) = try await openStore(arguments)
        let mouldIndexes = MouldIndexes(store: store)
        var table = Table([
            .text("sensor"), .time("time"),
            .number("lead_time_s", heading: "lead time", format: { DurationText.short(.seconds(Int64($0) ?? 0)) }),
            .number("p05", isOmittable: true), .number("p10"), .number("p25", isOmittable: true), .number("humidity_pct", heading: "median"),
            .number("p75", isOmittable: true), .number("p90"), .number("p95", isOmittable: true), .number("temperature_c", heading: "°C"),
            .number("dew_point_c", heading: "dew °C", isOmittable: true), .number("wall_pct", isOmittable: true),
            .number("mould_index", heading: "mould", isOmittable: true), .number("skill"),
        ])
        for status in statuses {
            guard let issued = try await store.forecast(of: status.record.sensor) else { continue }
            let forecast = issued.forecast
            let moisture = try await DeviceView.moisture(
                ahead: forecast, of: status.record.sensor, store: store, mouldIndexes: mouldIndexes, surfaces: settings.surfaces)
            if format == .table {
                let method = issued.releaseCounter == 0 ? forecast.method.name : "\(forecast.method.name), release \(issued.releaseCounter)"
                StandardOutput.write("\(status.record.sensor) from \(RFC3339.format(ms: forecast.origin.ms)) (\(method))\n")
                let shown = forecast.leadTimes.indices.filter { forecast.leadTimes[$0] <= horizon }
                StandardOutput.write("  \(Sparkline.text(shown.map { forecast.median(lead: $0) }, width: 60))\n")
                Paragraph.write(words(forecast.skillHorizon), indent: 2)
                let thresholds = settings.rules.compactMap(\.humidityThreshold)
                Paragraph.write(DeviceView.outlook(of: status, forecast, thresholds, now: WallClock.now), indent: 2)
            }
            for (lead, leadTime) in forecast.leadTimes.enumerated() where leadTime <= horizon {
                // A table shows selected lead times as an overview; other formats show all lead times.
                if format == .table, !ForecastShape.scored.contains(leadTime), horizon > .seconds(6 * 3_600) { continue }
                table.addRow(
                    [status.record.sensor.name, RFC3339.format(ms: (forecast.origin + leadTime).ms), String(leadTime.wholeSeconds)]
                        + ForecastShape.levels.indices.map { fixed(forecast.humidity(lead: lead, level: $0), 1) }
                        + [
                            fixed(forecast.temperature?[lead], 1), fixed(moisture.water[lead]?.dewPoint.celsius, 1),
                            fixed(moisture.surfaceHumidity?[lead]?.percent, 0), fixed(moisture.mould?[lead].value, 2),
                            fixed(forecast.skill[lead], 2),
                        ])
            }
        }
        table.write(format)
    }

    private static func writeForecast(ofFile path: String, _ arguments: Arguments, _ horizon: Duration, _ format: OutputFormat) throws {
        let made = try FileForecast(path: path, arguments)
        let forecast = made.forecast
        if format == .table {
            made.writeSummary(path)
            let shown = forecast.leadTimes.indices.filter { forecast.leadTimes[$0] <= horizon }
            StandardOutput.write(
                "forecast from \(RFC3339.format(ms: forecast.origin.ms)) (\(forecast.method.name), \(made.hasNetwork ? "" : "no ")shipped release)\n")
            StandardOutput.write("  \(Sparkline.text(shown.map { forecast.median(lead: $0) }, width: 60))\n")
            Paragraph.write(words(forecast.skillHorizon), indent: 2)
        }
        var table = Table([
            .time("time"), .number("lead_time_s", heading: "lead time", format: { DurationText.short(.seconds(Int64($0) ?? 0)) }),
            .number("p05", isOmittable: true), .number("p10"), .number("p25", isOmittable: true), .number("humidity_pct", heading: "median"),
            .number("p75", isOmittable: true), .number("p90"), .number("p95", isOmittable: true), .number("temperature_c", heading: "°C"),
        ])
        for (lead, leadTime) in forecast.leadTimes.enumerated() where leadTime <= horizon {
            if format == .table, !ForecastShape.scored.contains(leadTime), horizon > .seconds(6 * 3_600) { continue }
            table.addRow(
                [RFC3339.format(ms: (forecast.origin + leadTime).ms), String(leadTime.wholeSeconds)]
                    + ForecastShape.levels.indices.map { fixed(forecast.humidity(lead: lead, level: $0), 1) }
                    + [fixed(forecast.temperature?[lead], 1)])
        }
        table.write(format)
    }

    static let history = Program.Command(
        "history", "observations of each sensor", usage: "[--sensor NAME] [--last 24h] [--format FORMAT]",
        options: [
            .config, .sensor, Arguments.Option("last", value: "DURATION", "the span before the newest observation to show (default 24h)"),
            OutputFormat.option,
        ]
    ) { arguments in
        let format = try arguments.choice("format", default: OutputFormat.table)
        let last = try arguments.duration("last") ?? .seconds(86_400)
        let (_, store, statuses) = try await openStore(arguments)
        var table = Table([.text("sensor"), .text("time"), .number("humidity_pct"), .number("temperature_c")])
        for status in statuses {
            let newest = try await store.newestObservation(of: status.record.sensor) ?? Instant(ms: 0)
            let observations = try await store.observations(of: status.record.sensor, after: newest - last)
            if format == .table, !observations.isEmpty {
                StandardOutput.write("\(status.record.sensor)  \(Sparkline.text(observations.map { $0.humidity.percent }, width: 60))\n")
            }
            for row in observations {
                table.addRow([
                    status.record.sensor.name, RFC3339.format(ms: row.validAt.ms), fixed(row.humidity.percent, 2), fixed(row.temperature?.celsius, 2),
                ])
            }
        }
        table.write(format)
    }
}

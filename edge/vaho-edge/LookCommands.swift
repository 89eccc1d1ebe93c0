internal import Console
internal import EdgeDaemon
internal import Forecasting
internal import Measures
internal import Observing
internal import Psychrometrics
internal import Releases
internal import Runtime
internal import Text
internal import Wire

// Commands that look into the store, whether the daemon runs or not.

func thousandths(_ value: Int32?) -> String { value.map { NumberText.thousandths(Int64($0)) } ?? "" }
func fixed(_ value: Double?, _ places: Int) -> String { value.flatMap { NumberText.fixed($0, places: places) } ?? "" }

/// The store, and one of its sensors: the one named, or the only one.
private func open(_ arguments: Arguments) async throws -> (EdgeSettings, ReadingStore, [ReadingStore.SensorStatus]) {
    let settings = try EdgeSettings.read(arguments, sensorsNeeded: false)
    let store = try await ReadingStore(lookingInto: settings.storePath, log: Log("vaho-edge"))
    _ = try await store.know((try? await settings.sensorNotes(store).calibrations) ?? [])
    var statuses = try await store.sensorStatuses()
    if let name = arguments.value("sensor") {
        let known = WordList.text(statuses.map(\.record.sensor.name))
        statuses = statuses.filter { $0.record.sensor.name == name }
        guard !statuses.isEmpty else { throw Failure("there is no sensor «\(name)» in the store: there are \(known)") }
    }
    guard !statuses.isEmpty else { throw Failure("the store holds no sensor yet: start vaho-edge run") }
    return (settings, store, statuses)
}

private func words(_ end: SkillEnd) -> String {
    switch end {
    case .unknown: "skill: not known yet, too few of its forecasts have been scored"
    case .beyondHorizon: "skill: lasts to the end of five days"
    case .after(.zero): "skill: no better than climatology at any lead time"
    case .after(let leadTime): "skill: ends at \(DurationText.short(leadTime)), beyond it this is no better than climatology"
    }
}

extension Program.Command {
    static let forecast = Program.Command(
        "forecast", "the newest forecast of each sensor", usage: "[--sensor NAME] [--horizon 24h] [--format FORMAT]",
        options: [.config, .sensor, Arguments.Option("horizon", value: "DURATION", "how far ahead: 1h to 5d (default 5d)"), OutputFormat.option]
    ) { arguments in
        let format = try arguments.choice("format", default: OutputFormat.table)
        let horizon = try arguments.duration("horizon") ?? ForecastShape.horizon
        let (settings, store, statuses) = try await open(arguments)
        var table = Table([
            .text("sensor"), .text("time"), .number("lead_time"), .number("p05"), .number("p10"), .number("p25"), .number("humidity_pct"),
            .number("p75"), .number("p90"), .number("p95"), .number("temperature_c"), .number("dew_point_c"), .number("wall_pct"),
            .number("mould_index"), .number("skill"),
        ])
        for status in statuses {
            guard let issued = try await store.forecast(sensor: status.id) else { continue }
            let forecast = issued.forecast
            let moisture = try await DeviceView.moisture(ahead: forecast, of: status, store: store, surfaces: settings.surfaces)
            if format == .table {
                let method = issued.releaseCounter == 0 ? forecast.method.name : "\(forecast.method.name), release \(issued.releaseCounter)"
                StandardOutput.write("\(status.record.sensor) from \(RFC3339.format(ms: forecast.origin.ms)) (\(method))\n")
                let shown = forecast.leadTimes.indices.filter { forecast.leadTimes[$0] <= horizon }
                StandardOutput.write("  \(Sparkline.text(shown.map { forecast.median(lead: $0) }, width: 60))\n")
                StandardOutput.write("  \(words(forecast.skillEnd))\n")
            }
            for (lead, leadTime) in forecast.leadTimes.enumerated() where leadTime <= horizon {
                // A terminal wants an overview; the other formats have every lead time.
                if format == .table, !ForecastShape.scored.contains(leadTime), horizon > .seconds(6 * 3_600) { continue }
                table.row(
                    [status.record.sensor.name, RFC3339.format(ms: (forecast.origin + leadTime).ms), DurationText.short(leadTime)]
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

    static let history = Program.Command(
        "history", "observations of each sensor", usage: "[--sensor NAME] [--last 24h] [--format FORMAT]",
        options: [.config, .sensor, Arguments.Option("last", value: "DURATION", "how far back (default 24h)"), OutputFormat.option]
    ) { arguments in
        let format = try arguments.choice("format", default: OutputFormat.table)
        let last = try arguments.duration("last") ?? .seconds(86_400)
        let (_, store, statuses) = try await open(arguments)
        var table = Table([.text("sensor"), .text("time"), .number("humidity_pct"), .number("temperature_c")])
        for status in statuses {
            let newest = try await store.newestObservation(sensor: status.id)?.at ?? Instant(ms: 0)
            let observations = try await store.observations(sensor: status.id, since: newest - last)
            if format == .table, !observations.isEmpty {
                StandardOutput.write("\(status.record.sensor)  \(Sparkline.text(observations.map { $0.humidity.percent }, width: 60))\n")
            }
            for row in observations {
                table.row([
                    status.record.sensor.name, RFC3339.format(ms: row.validAt.ms), fixed(row.humidity.percent, 2), fixed(row.temperature?.celsius, 2),
                ])
            }
        }
        table.write(format)
    }

    static let status = Program.Command(
        "status", "sensors, delivery, the release in use and its live errors", usage: "[--format FORMAT]", options: [.config, OutputFormat.option]
    ) { arguments in
        let format = try arguments.choice("format", default: OutputFormat.table)
        let (settings, store, statuses) = try await open(arguments)
        let intake = ModelIntake(
            folder: settings.stateFolder, keyFile: settings.releaseKeyFile, pretrained: settings.pretrainedFile, store: nil,
            log: Log("vaho-edge", least: .error))
        await intake.load()
        let active = intake.active.current
        let release = active?.name
        let counts = try await store.counts()
        let view = try await DeviceView.document(
            settings.device, store: store, surfaces: settings.surfaces, release: release, refusal: nil, clock: LabelClock.live().quality)
        if format == .json {
            let bytes = DeviceView.json(
                view, counts: counts, holes: try await store.holes(limit: 20), now: LabelClock.wallClock)
            StandardOutput.write(String(decoding: bytes, as: UTF8.self) + "\n")
            return
        }
        var sensors = Table([
            .text("sensor"), .text("kind"), .text("state"), .text("last"), .number("humidity_pct"), .number("temperature_c"), .number("dew_point_c"),
            .number("g_m3"), .number("hpa"), .number("wall_pct"), .number("mould_index"),
        ])
        for (status, shown) in zip(statuses, statuses.map { status in view.sensors.first { $0.name == status.record.sensor } }) {
            let water = status.last.flatMap { last in last.temperature.flatMap { WaterInAir($0, last.humidity) } }
            sensors.row([
                status.record.sensor.name, status.record.kind, status.state, status.last.map { RFC3339.format(ms: $0.validAt.ms) } ?? "",
                fixed(status.last?.humidity.percent, 1), fixed(status.last?.temperature?.celsius, 1), fixed(water?.dewPoint.celsius, 1),
                fixed(water?.absoluteHumidity, 1), fixed(status.pressurePa.map { Double($0) / 100 }, 1),
                fixed(shown?.humidityAtSurface?.percent, 0), fixed(shown?.mould?.value, 2),
            ])
        }
        sensors.write(format)
        guard format == .table else { return }
        StandardOutput.write("\nstore    \(counts.readings) readings, \(NumberText.bytes(counts.bytes)); \(counts.backlog) rows not yet delivered")
        StandardOutput.write(counts.evicted + counts.refused > 0 ? ", \(counts.evicted) evicted, \(counts.refused) refused\n" : "\n")
        if let epoch = counts.epoch {
            let ordinal = counts.epochs > 1 ? ", the \(counts.epochs). of this store" : ""
            StandardOutput.write("epoch    \(epoch.name) since \(RFC3339.format(ms: epoch.since.ms)): \(epoch.reason)\(ordinal)\n")
        }
        if let uplink = counts.uplink { StandardOutput.write("cloud    \(PrintableText.line(uplink))\n") }
        if let written = counts.writtenPerDay { StandardOutput.write("written  \(NumberText.bytes(written)) a day\n") }
        let model = release.map { "\($0.counter), sha256 \(Documents.hexadecimal(Array($0.sha256.prefix(6))))…" } ?? "none: damped anomaly"
        let expired = active?.release.isExpired(at: LabelClock.wallClock) == true ? " (expired: is the cloud reached?)" : ""
        StandardOutput.write("release  \(model)\(expired)\n")
        for alert in view.alerts {
            let value = NumberText.thousandths(alert.valueMilli)
            let text = PrintableText.line(alert.text)
            StandardOutput.write("alarm    \(alert.sensor) \(alert.rule): \(text), since \(RFC3339.format(ms: alert.since.ms)) (\(value))\n")
        }
        for hole in try await store.holes(limit: 5) {
            StandardOutput.write(
                "hole     \(hole.sensor?.name ?? "device") \(hole.reason.name) \(RFC3339.format(ms: hole.from.ms)) to \(RFC3339.format(ms: hole.to.ms)), \(hole.count)\n"
            )
        }
        let scores = try await store.liveScores()
        guard !scores.isEmpty else { return }
        var table = Table([
            .number("release"), .number("lead_time"), .number("count"), .number("mae_pct"), .number("persistence"), .number("climatology"),
            .number("coverage_80"),
        ])
        for score in scores {
            table.row([
                String(score.releaseCounter), DurationText.short(.seconds(score.leadTimeSeconds)), String(score.count),
                fixed(Double(score.absoluteErrorMpct) / 1_000, 2), fixed(Double(score.persistenceErrorMpct) / 1_000, 2),
                fixed(Double(score.climatologyErrorMpct) / 1_000, 2), fixed(Double(score.coveredPpm) / 1_000_000, 2),
            ])
        }
        StandardOutput.write("\nlive error (mean absolute, %RH)\n" + table.text)
    }
}

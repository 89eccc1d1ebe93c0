internal import APIDocuments
internal import Console
internal import EdgeDaemon
internal import EdgeStore
internal import Forecasting
internal import Measures
internal import Psychrometrics
internal import Releases
internal import Runtime
internal import Text
internal import Wire

extension Program.Command {
    static let status = Program.Command(
        "status", "sensors, alarms, delivery, the release in use and its live errors", usage: "[--format FORMAT]",
        options: [.config, OutputFormat.option]
    ) { arguments in
        let format = try arguments.choice("format", default: OutputFormat.table)
        let (settings, store, statuses) = try await openStore(arguments)
        let intake = ModelIntake(
            folder: settings.stateFolder, keyFile: settings.releaseKeyFile, pretrained: settings.pretrainedFile, access: .readOnly,
            log: Log("vaho-edge", minimumLevel: .error))
        await intake.load()
        let counts = try await store.counts()
        // Without a configured cloud, ignore the uplink state that an earlier configuration stored.
        let uplink = settings.cloud == nil ? nil : try await store.uplinkState()
        let view = try await DeviceView.document(
            settings, named: settings.device, store: store, mouldIndexes: MouldIndexes(store: store), statuses: statuses, uplink: uplink,
            release: intake.active.current, refusal: nil, clock: ReadingClock.live().quality)
        if format == .json {
            let bytes = DeviceView.json(
                view, counts: counts, writtenPerDay: try await store.writtenPerDay(), uplink: uplink, holes: try await holes(store, 20),
                now: WallClock.now)
            StandardOutput.write(String(decoding: bytes, as: UTF8.self) + "\n")
            return
        }
        sensorTable(view).write(format)
        guard format == .table else { return }
        let text = StatusText(width: StandardOutput.width)
        StandardOutput.write("\n")
        for sensor in view.sensors { text.sensor(sensor, now: WallClock.now) }
        let thresholds = settings.rules.compactMap(\.humidityThreshold)
        for status in statuses {
            let forecast = try await store.forecast(of: status.record.sensor)?.forecast
            text.line("outlook", "\(status.record.sensor): \(DeviceView.outlook(of: status, forecast, thresholds, now: WallClock.now))")
        }
        for alert in view.alerts { text.alert(alert) }
        text.delivery(view, counts, writtenPerDay: try await store.writtenPerDay(), uplink, isLocal: settings.cloud == nil)
        let release = view.release.map { "\($0.counter), sha256 \(Hexadecimal.text(Array($0.sha256.prefix(6))))…" } ?? "none: damped anomaly"
        let isExpired = intake.active.current?.release.isExpired(at: WallClock.now) == true
        text.line("release", release + (isExpired ? " (expired: can the device reach the cloud?)" : ""))
        for hole in try await holes(store, 5) { text.hole(hole) }
        scores(try await store.read { try $0.scores.live() })
    }

    private static func holes(_ store: ReadingStore, _ limit: Int) async throws -> [Hole] { try await store.read { try $0.log.holes(limit: limit) } }

    private static func sensorTable(_ view: DeviceDocument) -> Table {
        var table = Table([
            .text("sensor"), .text("kind", isOmittable: true), .text("state"), .time("last"), .number("humidity_pct", heading: "RH %"),
            .number("temperature_c", heading: "°C"), .number("dew_point_c", heading: "dew °C"), .number("g_m3", heading: "g/m³"),
            .number("hpa", isOmittable: true), .number("wall_pct", heading: "wall %"), .number("mould_index", heading: "mould"),
        ])
        for sensor in view.sensors {
            let present = sensor.present  // an outdated value is printed below the table
            let water = present.flatMap { air in air.temperature.flatMap { WaterInAir($0, air.humidity) } }
            table.addRow([
                sensor.name.name, sensor.kind, sensor.condition.state.name, sensor.last.map { RFC3339.format(ms: $0.validAt.ms) } ?? "",
                fixed(present?.humidity.percent, 1), fixed(present?.temperature?.celsius, 1), fixed(water?.dewPoint.celsius, 1),
                fixed(water?.absoluteHumidity, 1), fixed(present == nil ? nil : sensor.pressurePa.map { Double($0) / 100 }, 1),
                fixed(sensor.humidityAtSurface?.percent, 0), fixed(sensor.mould?.value, 2),
            ])
        }
        return table
    }

    private static func scores(_ scores: [LiveScore]) {
        guard !scores.isEmpty else { return }
        var table = Table([
            .number("release"), .number("lead_time"), .number("count"), .number("mae_pct"), .number("persistence"), .number("climatology"),
            .number("coverage_80"),
        ])
        for score in scores {
            table.addRow([
                String(score.releaseCounter), DurationText.short(.seconds(score.leadTimeSeconds)), String(score.count),
                fixed(Double(score.absoluteErrorMpct) / 1_000, 2), fixed(Double(score.persistenceErrorMpct) / 1_000, 2),
                fixed(Double(score.climatologyErrorMpct) / 1_000, 2), fixed(Double(score.coveredPpm) / 1_000_000, 2),
            ])
        }
        StandardOutput.write("\nlive error (mean absolute, %RH)\n" + table.text(width: StandardOutput.width))
    }
}

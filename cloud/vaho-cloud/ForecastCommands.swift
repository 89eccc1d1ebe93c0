internal import Archive
internal import Console
internal import Forecasting
internal import Measures
internal import Pipeline
internal import Runtime
internal import Text
internal import Wire

extension Program.Command {
    static let forecast = Program.Command(
        "forecast", "forecast a sensor from the cloud's observations, also as it would have been at a past time",
        usage: "DEVICE [--sensor NAME] [--horizon 24h] [--as-of TIME] [--format FORMAT]",
        options: [
            .config, .store, OutputFormat.option,
            Arguments.Option("sensor", value: "NAME", "the sensor (default: the first by name)"),
            Arguments.Option("horizon", value: "DURATION", "the longest lead time (default 120h)"),
            Arguments.Option("as-of", value: "TIME", "without any later observation, with the release that the device had then"),
        ], positional: 1...1
    ) { arguments in
        let format = try arguments.choice("format", default: OutputFormat.table)
        let horizon = try arguments.duration("horizon") ?? ForecastShape.horizon
        let settings = try CloudSettings.read(arguments)
        let archive = try await settings.archive(.readOnly)
        let name = try await archive.existingDevice(arguments.positional[0]).name
        let sensors = try await archive.sensors(of: name)
        let wanted = arguments.value("sensor")
        guard let sensor = sensors.first(where: { wanted == nil || $0.name.name == wanted }) else {
            throw CommandFailure("\(name) has no sensor\(wanted.map { " \($0)" } ?? ""): it has \(sensors.map(\.name.name).joined(separator: ", "))")
        }
        let forecasts = FleetForecasts(reader: archive, pretrained: try settings.pretrained())
        let asOf = try arguments.instant("as-of")
        let made = if let asOf { try await forecasts.forecast(sensor, asOf: asOf) } else { try await forecasts.forecast(sensor) }
        guard let made else { throw CommandFailure("\(sensor.name) has no observation by then") }
        let forecast = made.forecast
        var table = Table(
            [.time("valid_at", heading: "at"), .leadTime] + ForecastShape.levels.map { .number("p\(Int($0 * 100))") })
        for (lead, leadTime) in forecast.leadTimes.enumerated() where leadTime <= horizon {
            let values = ForecastShape.levels.indices.map { NumberText.fixed(forecast.humidity(lead: lead, level: $0), places: 1) ?? "" }
            table.addRow([RFC3339.format(ms: (forecast.origin + leadTime).ms), String(leadTime.components.seconds)] + values)
        }
        if format == .table {
            let release = made.release.map { "release \($0.counter)" } ?? "\(forecast.method.name), no release"
            Paragraph.write("\(name)/\(sensor.name), %RH from \(RFC3339.format(ms: forecast.origin.ms)), \(release)")
        }
        table.write(format)
    }

    static let forecastErrors = Program.Command(
        "forecast errors", "show the errors of stored forecasts, by release and lead time", usage: "[DEVICE] [--days 30] [--format FORMAT]",
        options: [
            .config, .store, OutputFormat.option, Arguments.Option("days", value: "NUMBER", "forecasts of the last days (default 30)"),
        ], positional: 0...1
    ) { arguments in
        let format = try arguments.choice("format", default: OutputFormat.table)
        let days = try arguments.integer("days", in: 1...36_500) ?? 30
        let archive = try await CloudSettings.read(arguments).archive(.readOnly)
        var device: Archive.Device?
        if let text = arguments.positional.first { device = try await archive.existingDevice(text) }
        var table = Table([
            .text("device", isOmittable: true), .text("sensor"), .number("release"), .leadTime, .number("targets"),
            .number("mean_absolute_error_pct", heading: "error %RH"), .number("coverage"),
        ])
        for errors in try await archive.forecastErrors(of: device, since: WallClock.now - .seconds(Int64(days) * 86_400)) {
            table.addRow([
                errors.device, errors.sensor, errors.release.map { String($0) } ?? "", String(errors.lead.components.seconds), String(errors.targets),
                NumberText.fixed(errors.meanAbsoluteError, places: 2) ?? "", NumberText.fixed(errors.coverage, places: 3) ?? "",
            ])
        }
        table.write(format)
    }
}

extension Table.Column {
    /// Seconds, shown as hours.
    fileprivate static var leadTime: Table.Column {
        .number("lead_s", heading: "lead") { cell in Int64(cell).map { DurationText.short(.seconds($0)) } ?? cell }
    }
}

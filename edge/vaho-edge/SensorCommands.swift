internal import Console
internal import EdgeDaemon
internal import Measures
internal import Observing
internal import Psychrometrics
internal import Runtime
internal import Sensors
internal import Text

// Commands that read sensors directly, without a store and without the daemon.

extension Program.Command {
    static let sensors = Program.Command(
        "sensors", "list configured sensors and sensors found on this host, read each once",
        usage: "[--config FILE] [--format FORMAT]",
        options: [.config, OutputFormat.option]
    ) { arguments in
        let settings = try EdgeSettings.read(arguments, sensorsNeeded: false)
        let format = try arguments.choice("format", default: OutputFormat.table)
        var table = Table([
            .text("configuration"), .text("is"), .number("humidity_pct", heading: "RH %"), .number("temperature_c", heading: "°C"),
            .text("flags", isOmittable: true), .text("problem"),
        ])
        var failed = 0
        for configured in settings.sensors {
            let line = "VAHO_SENSOR_\(configured.name.name.uppercased())=\(configured.spec)"
            failed += await !addRow(configured.spec, settings.sysfs, line, "configured", &table) ? 1 : 0
        }
        let detected = DetectedSensor.all(sysfs: settings.sysfs)
        for offer in detected {
            switch offer {
            case .sensor(let spec, let name, let otherInterfaces):
                let configured = settings.sensors.filter { ([spec] + otherInterfaces).contains($0.spec) }
                if configured.count > 1 {
                    let names = configured.map(\.name.name).joined(separator: " and ")
                    table.addRow([
                        "", "duplicate", "", "", "", "\(names) are the same chip, read through hwmon and IIO: remove one from the configuration",
                    ])
                }
                guard configured.isEmpty else { continue }
                let note = otherInterfaces.isEmpty ? "" : "the same chip as \(otherInterfaces.map(\.description).joined(separator: ", "))"
                _ = await addRow(spec, settings.sysfs, "VAHO_SENSOR_\(name)=\(spec)", "offered", note: note, &table)
            case .bus(let number, let problem):
                let hint = problem ?? "add the chip and its address: chips are not probed, because a command for one chip can harm another"
                table.addRow(["VAHO_SENSOR_NAME=i2c:CHIP@\(number):ADDRESS", "bus", "", "", "", hint])
            }
        }
        table.write(format)
        if format == .table, settings.sensors.isEmpty, detected.isEmpty {
            StandardOutput.write("No humidity sensor found: load its driver (dtoverlay, modprobe), or i2c-dev for a chip without a driver.\n")
        }
        if failed > 0 { throw CommandFailure("\(failed) of \(settings.sensors.count) configured sensors cannot be read") }
    }

    /// - Returns: whether the sensor could be read.
    private static func addRow(_ spec: SensorSpec, _ sysfs: String, _ line: String, _ state: String, note: String = "", _ table: inout Table) async
        -> Bool
    {
        do {
            let sensor = try spec.open(sysfs: sysfs, startingAfter: nil, period: .seconds(60))
            defer { sensor.stop() }
            let sample = try await TimedReader(sensor).read(within: min(sensor.identity.readTimeout, .seconds(10)))
            let flags = sample?.flags ?? []
            let heated =
                flags.contains(.heated)
                ? ["the part's heater is on: readings are not used until the heater is off (heater_enable or out_current_heater_raw in sysfs)"] : []
            table.addRow([
                line, state, thousandths(sample?.humidityMpct), thousandths(sample?.temperatureMc), flags.names.joined(separator: " "),
                (heated + (flags.contains(.impossible) ? ["impossible for air: the reading is not used"] : []) + [note]).filter { !$0.isEmpty }
                    .joined(separator: "; "),
            ])
            return true
        } catch {
            table.addRow([line, state, "", "", "", "\(error)"])
            return false
        }
    }

    static let read = Program.Command(
        "read", "read one sensor now: a configured sensor by name, or any sensor by kind", usage: "SENSOR [--count N] [--period S] [--format FORMAT]",
        options: [
            .config, Arguments.Option("count", value: "N", "how many readings (default 1)"),
            Arguments.Option("period", value: "S", "seconds between two readings (default 1)"), OutputFormat.option,
        ], positional: 1...1
    ) { arguments in
        let settings = try EdgeSettings.read(arguments, sensorsNeeded: false)
        let format = try arguments.choice("format", default: OutputFormat.table)
        let count = try arguments.integer("count", in: 1...1_000_000_000) ?? 1
        let period = try arguments.integer("period", in: 1...86_400) ?? 1
        let name = arguments.positional[0]
        let configured = settings.sensors.first { $0.name.name == name }
        let spec: SensorSpec
        do { spec = try configured?.spec ?? SensorSpec(name) } catch {
            let names = settings.sensors.map(\.name.name)
            throw UsageError(
                "«\(name)»: \(names.isEmpty ? "" : "no sensor with this name is configured (there are \(WordList.text(names))); ")\(error)")
        }
        let sensor = try spec.open(sysfs: settings.sysfs, startingAfter: nil, period: .seconds(period))
        defer { sensor.stop() }
        var surface: Temperature?
        if case .at(let temperature)? = configured?.surface { surface = temperature }
        let lines = ReadingLines(sensor: configured?.name.name ?? "\(spec)", surface: surface, format: format)
        StandardOutput.write(lines.header)
        // The stop signal also ends the program of a `command:` sensor on Ctrl-C.
        try await Services.run([
            StopSignal(log: Log("vaho-edge", minimumLevel: .error)), ReadLoop(sensor: sensor, lines: lines, count: count, period: .seconds(period)),
        ])
    }
}

/// Reads a sensor `count` times and prints each reading at once.
private struct ReadLoop: Service {
    let sensor: any Sensor
    let lines: ReadingLines
    let count: Int
    let period: Duration

    func run() async throws {
        let reader = TimedReader(sensor)
        var failed = 0
        var due = ContinuousClock.now
        for number in 1...count {
            do {
                guard let sample = try await reader.read(within: sensor.identity.readTimeout) else { break }  // end of a recording
                StandardOutput.write(lines.line(sample, takenAt: sample.takenAt ?? WallClock.now))
                if let droppedValueNote = sample.droppedValueNote { StandardError.write("vaho-edge read: left out: \(droppedValueNote)\n") }
            } catch let error as SensorError {
                failed += 1
                StandardError.write("vaho-edge read: \(PrintableText.line("\(error)"))\n")
            }
            guard number < count, sensor.identity.pace == .polled else { continue }
            due += period
            try await Task.sleep(until: due)
        }
        if failed > 0 { throw CommandFailure("\(failed) of \(count) reads failed") }
    }
}

/// Formats readings as lines, one by one as they are taken.
struct ReadingLines {
    let sensor: String
    let surface: Temperature?  // of a wall or pane beside the sensor
    let format: OutputFormat

    /// The columns that a table shows, so that a line fits a terminal; other formats have all columns.
    private static let tableColumns = [0, 1, 2, 3, 9]
    private static let columns = [
        "taken_at", "humidity_pct", "temperature_c", "dew_point_c", "vapour_pressure_pa", "absolute_humidity_g_m3", "surface_humidity_pct",
        "mould_from_pct", "pressure_hpa", "flags",
    ]
    private static let widths = [24, 12, 13, 11, 18, 22, 20, 14, 12, 0]

    var header: String {
        switch format {
        case .json: ""
        case .csv: "sensor,\(ReadingLines.columns.joined(separator: ","))\n"
        case .table: table(ReadingLines.columns)
        }
    }

    func line(_ sample: Sample, takenAt: Instant) -> String {
        let humidity = sample.humidityMpct.map { RelativeHumidity(percent: Double($0) / 1_000) }
        let temperature = sample.temperatureMc.map { Temperature(celsius: Double($0) / 1_000) }
        // An impossible humidity is shown as read, and no values are derived from it.
        let reading = Reading(takenAt: takenAt, humidityMpct: sample.humidityMpct, temperatureMc: sample.temperatureMc, flags: sample.flags)
        var usable: (humidity: RelativeHumidity, temperature: Temperature)?
        if case .passed(let humidity, let temperature?) = QualityControl.check(reading) { usable = (humidity, temperature) }
        let water = usable.flatMap { WaterInAir($0.temperature, $0.humidity) }
        let pressure = sample.pressurePa.map { Double($0) / 100 }
        let wall = surface.flatMap { surface in usable.map { MoistAir.humidity(at: surface, of: $0.temperature, at: $0.humidity) } }
        let mouldFrom = usable.flatMap { MouldIndex.criticalHumidity(at: $0.temperature) }
        guard format == .json else {
            let cells = [
                RFC3339.format(ms: takenAt.ms), thousandths(sample.humidityMpct), thousandths(sample.temperatureMc),
                fixed(water?.dewPoint.celsius, 2),
                fixed(water?.vapourPressure, 0), fixed(water?.absoluteHumidity, 2), fixed(wall?.percent, 1), fixed(mouldFrom?.percent, 1),
                fixed(pressure, 2), sample.flags.names.joined(separator: " "),
            ]
            return format == .csv ? ([sensor] + cells).map { CSV.field($0) }.joined(separator: ",") + "\n" : table(cells)
        }
        var json = JSONWriter()
        json.object { json in
            json.field("sensor", sensor)
            json.field("taken_at", RFC3339.format(ms: takenAt.ms))
            json.field("humidity_pct", humidity?.percent, places: 3)
            json.field("temperature_c", temperature?.celsius, places: 3)
            json.field("dew_point_c", water?.dewPoint.celsius, places: 2)
            json.field("vapour_pressure_pa", water?.vapourPressure, places: 0)
            json.field("absolute_humidity_g_m3", water?.absoluteHumidity, places: 2)
            if let wall { json.field("surface_humidity_pct", wall.percent, places: 1) }
            json.field("mould_from_pct", mouldFrom?.percent, places: 1)
            if let pressure { json.field("pressure_hpa", pressure, places: 2) }
            json.array("flags") { json in for name in sample.flags.names { json.string(name) } }
        }
        return String(decoding: json.bytes, as: UTF8.self) + "\n"
    }

    private func table(_ cells: [String]) -> String {
        ReadingLines.tableColumns.map { column in
            String(repeating: " ", count: max(0, ReadingLines.widths[column] - cells[column].utf8.count)) + cells[column]
        }.joined(separator: "  ") + "\n"
    }
}

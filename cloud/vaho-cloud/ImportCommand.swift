internal import Archive
internal import Console
internal import LoggerFiles
internal import Measures
internal import Pipeline
internal import Runtime
internal import Text
internal import Wire

extension Program.Command {
    /// The past of a sensor, from the file of a third-party logger.
    static let importFile = Program.Command(
        "import", "store the readings in a FILE that a third-party logger or app has exported",
        usage: "FILE --device NAME [--sensor NAME] [--zone ZONE] [--yes]",
        options: [
            .config, .store, Arguments.Option("device", value: "NAME", "the device that the readings belong to"),
            Arguments.Option("sensor", value: "NAME", "its sensor, which may also be a live one (default air)"),
            Arguments.Option("zone", value: "ZONE", "time zone of times without an offset, such as Europe/Helsinki or +02:00"),
            Arguments.Option("dates", value: "ORDER", "order of day, month and year, if the file does not show it: dmy, mdy or ymd"),
            Confirmation.option, Operator.reasonOption,
        ], positional: 1...1
    ) { arguments in
        let path = arguments.positional[0]
        guard let deviceName = arguments.value("device") else { throw UsageError("--device is missing: whose readings are these?") }
        guard let sensor = SensorName(arguments.value("sensor") ?? "air") else {
            throw UsageError("--sensor=\(arguments.value("sensor") ?? ""): expected \(SensorName.syntax)")
        }
        let (file, content) = try read(path, arguments)
        let archive = try await CloudSettings.read(arguments).archive(.existing)
        let device = try await archive.existingDevice(deviceName)
        writePreview(path, file, content)
        guard !content.rows.isEmpty else { throw CommandFailure("\(path): no row can be read, so there is nothing to import") }
        try Confirmation.ask("store \(content.rows.count) readings as \(device.name)/\(sensor)?", arguments)
        let attribution = Operator.attribution(arguments, default: "imported by hand")
        try await archive.recordImport("\(device.name)/\(sensor)", "\(content.rows.count) readings from \(path)", by: attribution, now: WallClock.now)
        let pacing = BatchAcknowledgement.Pacing(delayMs: 0, maxReadings: 1_000, maxBytes: 1 << 20)
        let done = try await FileImport(content.rows, of: device, sensor, receivedAt: WallClock.now) { arrival in
            try await archive.ingest([.plain(arrival)], next: pacing)[0].get()
        }
        StandardOutput.write("\(done.summary)\n")
    }

    private static func read(_ path: String, _ arguments: Arguments) throws -> (LoggerFile, LoggerFile.Result) {
        let latest = WallClock.now + .seconds(86_400)
        do {
            let file = try LoggerFile(path: path, dates: arguments.value("dates"), zone: arguments.value("zone"), latest: latest)
            if file.layout.isDateOrderGuessed {
                throw CommandFailure("\(path): the dates do not say which number is the day: say it with --dates dmy or --dates mdy")
            }
            return (file, try file.read())
        } catch let invalid as LoggerFile.InvalidOption { throw UsageError("\(invalid)") }
    }

    private static func writePreview(_ path: String, _ file: LoggerFile, _ content: LoggerFile.Result) {
        StandardOutput.write("\(path)\n")
        for (what, value) in file.layout.description { Paragraph.write(value, label: "  \(what)", indent: 15) }
        for row in content.rows.prefix(3) {
            let temperature = row.temperatureC.flatMap { NumberText.fixed($0, places: 2) }.map { ", \($0) °C" } ?? ""
            StandardOutput.write(
                "  line \(row.line): \(RFC3339.format(ms: row.takenAt.ms)), \(NumberText.fixed(row.humidityPct, places: 2) ?? "") %\(temperature)\n")
        }
        if let last = content.rows.last { StandardOutput.write("  … up to \(RFC3339.format(ms: last.takenAt.ms))\n") }
        for line in content.omissions(problems: 20) { StandardOutput.write("  \(line)\n") }
    }
}

internal import Console
internal import EdgeDaemon
internal import EdgeStore
internal import LoggerFiles
internal import Measures
internal import Observing
internal import Runtime
internal import Text

extension Program.Command {
    static let importFile = Program.Command(
        "import", "give a sensor the past that a third-party logger has recorded, so that its first forecast has a history",
        usage: "FILE --sensor NAME [--zone ZONE] [--yes]", options: [.config, .sensor, Confirmation.option] + FileForecast.options, positional: 1...1
    ) { arguments in
        let path = arguments.positional[0]
        guard let name = arguments.value("sensor") else { throw UsageError("--sensor is missing: whose past is this?") }
        let settings = try EdgeSettings.read(arguments, sensorsNeeded: false)
        let sensor = try settings.configured(name)
        let file: LoggerFile
        do {
            file = try LoggerFile(
                path: path, dates: arguments.value("dates"), zone: arguments.value("zone"), latest: WallClock.now + .seconds(86_400))
        } catch let invalid as LoggerFile.InvalidOption { throw UsageError("\(invalid)") }
        guard !file.layout.isDateOrderGuessed else {
            throw CommandFailure("\(path): the order of the dates is ambiguous: say it with --dates dmy or --dates mdy")
        }
        let content = try file.read()
        guard Files.exists(settings.storePath) else { throw CommandFailure("there is no store yet: run vaho-edge run once") }
        guard let lock = try StateFolder(settings: settings, log: Log("vaho-edge")).lock() else {
            throw CommandFailure("\(settings.stateFolder) cannot be written")
        }
        defer { withExtendedLifetime(lock) {} }
        let store = try await ReadingStore(path: settings.storePath, host: .current(), log: Log("vaho-edge"))
        guard let step = try await store.read({ try $0.sensors.all() }).first(where: { $0.record.sensor == sensor })?.record.step else {
            throw CommandFailure("the store does not know the sensor \(sensor) yet: run vaho-edge run once")
        }
        let observations = RecordedReadings.observations(of: content.rows.lazy.map(\.reading), on: TimeGrid(step: step))
        file.writeSummary(path, content, observations: observations.count)
        try Confirmation.ask("add them to the past of \(sensor)?", arguments)
        let stored = try await store.write { try $0.addPast(observations, of: sensor) }
        let omitted = observations.count - stored
        StandardOutput.write(
            "\(stored) observations are added\(omitted > 0 ? ", \(omitted) are not: the sensor has observations of that time" : "")\n")
    }
}

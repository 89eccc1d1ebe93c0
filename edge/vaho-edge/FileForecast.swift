internal import Console
internal import EdgeDaemon
internal import Forecasting
internal import LoggerFiles
internal import Measures
internal import Observing
internal import Releases
internal import Runtime
internal import Text
internal import TrustedReleases

/// A forecast from the file of a third-party logger, by the shipped release, without any setup.
struct FileForecast {
    static let options = [
        Arguments.Option("zone", value: "ZONE", "time zone of times without an offset, such as Europe/Helsinki or +02:00 (default UTC)"),
        Arguments.Option("dates", value: "ORDER", "order of day, month and year, if the file does not show it: dmy, mdy or ymd"),
    ]

    let file: LoggerFile
    let content: LoggerFile.Result
    let forecast: QuantileForecast
    let observations: Int
    let isZoneAssumed: Bool
    let hasNetwork: Bool

    init(path: String, _ arguments: Arguments) throws {
        do {
            file = try LoggerFile(path: path, dates: arguments.value("dates"), zone: arguments.value("zone"), defaultZone: .utc)
        } catch let invalid as LoggerFile.InvalidOption { throw UsageError("\(invalid)") }
        isZoneAssumed = arguments.value("zone") == nil && !file.layout.namesZone
        content = try file.read()
        let grid = TimeGrid(takenAt: content.rows.prefix(1_000).map(\.takenAt))
        let observed = RecordedReadings.observations(of: content.rows.lazy.map(\.reading), on: grid)
        observations = observed.count
        let network = try FileForecast.shippedNetwork(arguments)
        hasNetwork = network != nil
        var forecaster = AdaptiveForecaster(grid: grid, network: network)
        let newest = observed.last?.validAt ?? Instant(ms: 0)
        for observation in observed where observation.validAt > newest - AdaptiveForecaster.memory { forecaster.observe(observation) }
        guard let forecast = forecaster.forecast() else {
            throw CommandFailure("\(path): \(observed.count) observations in \(content.rows.count) rows are too few for a forecast")
        }
        self.forecast = forecast
    }

    private static func shippedNetwork(_ arguments: Arguments) throws -> Network? {
        let settings = try EdgeSettings.read(arguments, sensorsNeeded: false)
        guard let path = settings.pretrainedFile else { return nil }
        return try ReleaseTrust.shipped.open(Files.read(path, limit: ReleaseFile.limit)).network
    }

    /// Prints the recognised layout and the rows that were left out, for a person who checks them.
    func writeSummary(_ path: String) {
        file.writeSummary(path, content, observations: observations)
        if isZoneAssumed { StandardOutput.write("  the times have no zone: read as UTC (--zone changes this)\n") }
        if file.layout.isDateOrderGuessed {
            StandardOutput.write("  day and month are ambiguous: read as \(file.layout.dateOrder.rawValue) (--dates changes this)\n")
        }
        StandardOutput.write("\n")
    }
}

extension LoggerFile {
    /// Prints the recognised layout, the span of the readings, and the rows that were left out.
    func writeSummary(_ path: String, _ content: Result, observations: Int) {
        StandardOutput.write("\(path)\n")
        for (what, value) in layout.description { Paragraph.write(value, label: "  \(what)", indent: 15) }
        if let first = content.rows.first, let last = content.rows.last {
            Paragraph.write(
                "\(content.rows.count) from \(RFC3339.format(ms: first.takenAt.ms)) to \(RFC3339.format(ms: last.takenAt.ms)), "
                    + "\(observations) observations", label: "  readings", indent: 15)
        }
        for line in content.omissions(problems: 5) { StandardOutput.write("  \(line)\n") }
    }
}

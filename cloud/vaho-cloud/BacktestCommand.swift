internal import Console
internal import Forecasting
internal import Observing
internal import Pipeline
internal import Runtime
internal import Text

extension Program.Command {
    static let backtest = Program.Command(
        "backtest", "forecast recorded series at given origins, without any data after the origin, and score the forecasts",
        usage: "--data FOLDER --origins FILE [--out FILE] [--report] [--html FILE] [--local|--pretrained|--release FILE|--trained-on FOLDER]"
            + " [--history 7d] [--leads 1h,6h,24h]",
        options: [
            Arguments.Option("data", value: "FOLDER", "the folder of the series: SERIES.csv with time,humidity_pct,temperature_c"),
            Arguments.Option("origins", value: "FILE", "the origins: a CSV file with series,origin_time"),
            Arguments.Option("out", value: "FILE", "write the forecasts to this file: series,origin_time,horizon_s,p10,p50,p90"),
            Arguments.Option("report", "print the scores, compared with persistence, seasonal naive and climatology"),
            Arguments.Option("html", value: "FILE", "write a page with scores and plots: skill, reliability, the best and the worst forecasts"),
            Arguments.Option("history", value: "DURATION", "use only this much data before each origin, as on a new device: 7d (default: all data)"),
            Arguments.Option("leads", value: "LIST", "lead times (default 1h,3h,6h,12h,24h,48h,120h)"),
        ] + BacktestMethod.options
    ) { arguments in
        func requiredOption(_ name: String) throws -> String {
            guard let value = arguments.value(name) else { throw UsageError("--\(name) is missing") }
            return value
        }
        let (folder, originsFile) = (try requiredOption("data"), try requiredOption("origins"))
        let (out, html) = (arguments.value("out"), arguments.value("html"))
        guard out != nil || html != nil || arguments.hasFlag("report") else {
            throw UsageError("--out, --report or --html is missing: choose an output")
        }
        let leadTimes = try leadTimes(arguments) ?? ForecastShape.scored
        let history = try history(arguments)
        let method = try await BacktestMethod(arguments)
        let backtest = Backtest(
            folder: folder, origins: try Backtest.origins(fromFile: originsFile), leadTimes: leadTimes, network: method.network, history: history)
        var text = Backtest.header
        var report = BacktestReport(leadTimes: leadTimes)
        var missing = 0
        let names = backtest.seriesNames
        let started = ContinuousClock.now
        let progress = Progress()
        for (index, name) in names.enumerated() {
            progress.show("\(index + 1)/\(names.count) \(name)", stage: name)
            let replayed = try await backtest.replay(name)
            if out != nil { text += backtest.lines(of: replayed) }
            report.add(replayed)
            missing += replayed.missing
        }
        progress.end()
        if let out { try Files.replace(out, with: Array(text.utf8)) }
        if let html {
            let young = history.map { ", each origin with a history of \(DurationText.short($0))" } ?? ""
            try Files.replace(html, with: Array(BacktestPage(report, method: method.description + young).html.utf8))
        }
        if arguments.hasFlag("report") { StandardOutput.write(BacktestTables.text(report)) }
        let seconds = (ContinuousClock.now - started).components.seconds
        let written = [out, html].compactMap { $0 }.joined(separator: ", ")
        let origins = backtest.origins.values.reduce(0) { $0 + $1.count }
        StandardOutput.write("\(names.count) series, \(origins) origins in \(seconds) s\(written.isEmpty ? "" : ": " + written)\n")
        if missing > 0 { StandardOutput.write("\(missing) origins have no observation at their time and get no forecast\n") }
    }

    private static func leadTimes(_ arguments: Arguments) throws -> [Duration]? {
        guard let text = arguments.value("leads") else { return nil }
        return try text.split(separator: ",").map { part in
            guard let leadTime = DurationText.parse(String(part)), ForecastShape.leadTimes(on: .fine).contains(leadTime) else {
                throw UsageError("--leads=\(text): «\(part)» is not a lead time: expected a duration like 1h, 30m or 5d, up to 120h")
            }
            return leadTime
        }
    }

    private static func history(_ arguments: Arguments) throws -> Duration? {
        guard let text = arguments.value("history") else { return nil }
        guard let history = DurationText.parse(text), history >= .seconds(3_600) else {
            throw UsageError("--history=\(text): expected a duration like 1d or 14d, at least 1h")
        }
        return history
    }
}

internal import Console
internal import Forecasting
internal import Observing
internal import Pipeline
internal import Releases
internal import Runtime

extension Program.Command {
    static let backtest = Program.Command(
        "backtest", "forecast recorded series at given origins, seeing nothing after them",
        usage: "--data FOLDER --origins FILE --out FILE [--local|--pretrained|--release FILE|--trained-on FOLDER] [--history 7d] [--leads 1h,6h,24h]",
        options: [
            Arguments.Option("data", value: "FOLDER", "holds SERIES.csv: time,humidity_pct,temperature_c, on its grid"),
            Arguments.Option("origins", value: "FILE", "series,origin_time"),
            Arguments.Option("out", value: "FILE", "gets series,origin_time,horizon_s,p10,p50,p90"),
            Arguments.Option("local", "the damped anomaly and what the device learns of its own air (default)"),
            Arguments.Option("pretrained", "by the release that ships and what the device learns, exactly as on the edge"),
            Arguments.Option("release", value: "FILE", "likewise by this release"),
            Arguments.Option("trained-on", value: "FOLDER", "likewise by a network trained on the first part of the series in it"),
            Arguments.Option("share", value: "PERCENT", "that part (default 70)"),
            Arguments.Option("without", value: "LIST", "series left out of that training"),
            Arguments.Option("history", value: "DURATION", "each origin sees so much of the past and no more, like a device as young as that: 7d"),
            Arguments.Option("leads", value: "LIST", "lead times (default 1h,3h,6h,12h,24h,48h,120h)"),
        ]
    ) { arguments in
        func needed(_ name: String) throws -> String {
            guard let value = arguments.value(name) else { throw WrongUse("--\(name) is missing") }
            return value
        }
        let (folder, originsFile, out) = (try needed("data"), try needed("origins"), try needed("out"))
        let leadTimes = try arguments.value("leads").map { text in
            try text.split(separator: ",").map { part in
                guard let leadTime = DurationText.parse(String(part)), ForecastShape.leadTimes(on: .fine).contains(leadTime) else {
                    throw WrongUse("--leads=\(text): «\(part)» is not a lead time; 1h, 30m or 5d are, up to 120h")
                }
                return leadTime
            }
        }
        let history = try arguments.value("history").map { text in
            guard let history = DurationText.parse(text), history >= .seconds(3_600) else {
                throw WrongUse("--history=\(text): expected a duration like 1d or 14d, at least 1h")
            }
            return history
        }
        let methods = ["local", "pretrained", "release", "trained-on"].filter { arguments.has($0) || arguments.value($0) != nil }
        guard methods.count < 2 else { throw WrongUse("--\(methods.joined(separator: " and --")): only one of them forecasts") }
        let backtest = Backtest(
            folder: folder, origins: try Backtest.origins(fromFile: originsFile), leadTimes: leadTimes ?? ForecastShape.scored,
            network: try await network(arguments), history: history)
        var text = "series,origin_time,horizon_s,p10,p50,p90\n"
        var missing = 0
        let names = backtest.seriesNames
        let started = ContinuousClock.now
        for (index, name) in names.enumerated() {
            if StandardOutput.isTerminal { StandardError.write("\r\(index + 1)/\(names.count) \(name)\u{1B}[K") }
            let made = try await backtest.lines(ofSeries: name)
            text += made.lines
            missing += made.missing
        }
        if StandardOutput.isTerminal { StandardError.write("\r\u{1B}[K") }
        try Files.replace(out, with: Array(text.utf8))
        let seconds = (ContinuousClock.now - started).components.seconds
        StandardOutput.write("\(names.count) series, \(backtest.origins.values.reduce(0) { $0 + $1.count }) origins in \(seconds) s: \(out)\n")
        if missing > 0 { StandardOutput.write("\(missing) origins have no observation at their time, and no forecast\n") }
    }

    private static func network(_ arguments: Arguments) async throws -> Network? {
        if let folder = arguments.value("trained-on") { return try await openTraining(folder, arguments).run(progress: tell)?.network }
        if arguments.has("pretrained") {
            guard let shipped = try CloudSettings.read(arguments).pretrained() else {
                throw Failure("\(ShippedRelease.fileName) is not beside the program: name it by VAHO_PRETRAINED_FILE, or give it by --release")
            }
            return shipped.network
        }
        guard let path = arguments.value("release") else { return nil }
        let bytes = try Files.read(path, limit: ReleaseFile.limit)
        // Any release may be tested: who signed it matters only where it runs.
        do {
            let demand = ReleaseIntake.Demand(counterAbove: nil, isSignatureNeeded: false)
            return try ReleaseIntake.open(bytes, demand, ReleaseSigner.cryptography(trusting: [])).network
        } catch { throw Failure("\(path): \(error)") }
    }

    /// By `--share` and `--without`, of the series in a folder.
    static func openTraining(_ folder: String, _ arguments: Arguments) throws -> OpenTraining {
        let series = SeriesFolder(folder)
        let left = Set((arguments.value("without") ?? "").split(separator: ",").map(String.init))
        var training = OpenTraining(series, names: try series.names(without: left))
        if let share = arguments.value("share") {
            guard let percent = Int(share), (10...100).contains(percent) else {
                throw WrongUse("--share=\(share): expected a whole number from 10 to 100")
            }
            training.share = percent
        }
        return training
    }

    static func tell(_ epoch: Int, _ loss: Double) { StandardError.write("pass \(epoch + 1): mean loss \(loss)\n") }
}

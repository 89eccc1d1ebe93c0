internal import Console
internal import Forecasting
internal import Observing
internal import Pipeline
internal import Releases
internal import Runtime

extension Program.Command {
    static let backtest = Program.Command(
        "backtest", "forecast recorded series at given origins, seeing nothing after them",
        usage: "--data FOLDER --origins FILE --out FILE [--method local|builtin] [--release FILE] [--leads 1h,6h,24h]",
        options: [
            Arguments.Option("data", value: "FOLDER", "holds SERIES.csv: time,humidity_pct,temperature_c, on its grid"),
            Arguments.Option("origins", value: "FILE", "series,origin_time"),
            Arguments.Option("out", value: "FILE", "gets series,origin_time,horizon_s,p10,p50,p90"),
            Arguments.Option("method", value: "METHOD", "local (default): a ridge on the series' own past; builtin: the damped anomaly"),
            Arguments.Option("release", value: "FILE", "forecast by this release instead"),
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
        let backtest = Backtest(
            folder: folder, origins: try Backtest.origins(fromFile: originsFile), leadTimes: leadTimes ?? ForecastShape.scored,
            method: try method(arguments))
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

    private static func method(_ arguments: Arguments) throws -> Backtest.Method {
        if let path = arguments.value("release") {
            let bytes = try Files.read(path, limit: ReleaseFile.limit)
            // Any release may be tested: who signed it matters only where it runs.
            let release = try ReleaseIntake.open(
                bytes, ReleaseIntake.Demand(counterAbove: nil, isSignatureNeeded: false), ReleaseSigner.cryptography(trusting: []))
            return .model(release.model)
        }
        switch arguments.value("method") ?? "local" {
        case "local": return .local
        case "builtin": return .builtIn
        case let other: throw WrongUse("--method=\(other): expected local or builtin")
        }
    }
}

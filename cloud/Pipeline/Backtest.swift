package import Forecasting
package import Measures
internal import Observing
internal import Runtime
internal import Text

/// Replays recorded series and forecasts at given origins, seeing at each nothing after it.
package struct Backtest: Sendable {
    /// What forecasts.
    package enum Method: Sendable {
        case local  // a ridge fitted to the series' own past at every origin
        case model(ForecastModel)  // a release
        case builtIn  // the damped anomaly
    }

    package struct Origin: Sendable {
        package let series: String
        package let at: Instant
    }

    package let folder: String
    package let origins: [String: Set<Instant>]  // by series
    package let leadTimes: [Duration]
    package let method: Method

    package init(folder: String, origins: [Origin], leadTimes: [Duration], method: Method) {
        self.folder = folder
        self.origins = Dictionary(grouping: origins, by: \.series).mapValues { Set($0.map(\.at)) }
        self.leadTimes = leadTimes
        self.method = method
    }

    /// `series,origin_time`, a header first.
    package static func origins(fromFile path: String) throws -> [Origin] {
        let lines = try LineReader(path: path)
        guard let header = try lines.next() else { throw BacktestFault("\(path) is empty") }
        let names = CSV.fields(of: header)
        guard let series = names.firstIndex(of: "series"), let time = names.firstIndex(of: "origin_time") else {
            throw BacktestFault("\(path): line 1: expected a header with series and origin_time")
        }
        var origins: [Origin] = []
        while let line = try lines.next() {
            guard !line.isEmpty else { continue }
            let fields = CSV.fields(of: line)
            guard fields.count > max(series, time), let at = RFC3339.parse(fields[time]) else {
                throw BacktestFault("\(path): line \(lines.line): expected a series and a time like 2026-11-21T04:10:00Z")
            }
            guard !fields[series].isEmpty, !fields[series].contains("/") else {
                throw BacktestFault("\(path): line \(lines.line): «\(fields[series])» is no series name")
            }
            origins.append(Origin(series: fields[series], at: Instant(ms: at)))
        }
        guard !origins.isEmpty else { throw BacktestFault("\(path) names no origin") }
        return origins
    }

    package var seriesNames: [String] { origins.keys.sorted() }

    /// The predictions of one series as CSV lines `series,origin_time,horizon_s,p10,p50,p90`, in order of origin.
    @concurrent package func lines(ofSeries name: String) async throws -> (lines: String, missing: Int) {
        let observations = try Backtest.read("\(folder)/\(name).csv")
        let grid = TimeGrid(takenAt: observations.prefix(1_000).map(\.validAt))
        let wanted = origins[name] ?? []
        let served = leadTimes.filter { ForecastShape.isServed($0, on: grid) }
        var made = 0
        var text = ""
        var local = LocalRidge(grid: grid, leadTimes: served)
        var history = History(grid: grid)
        for observation in observations {
            try Task.checkCancellation()
            if case .local = method { local.observe(observation) } else { history.append(observation) }
            guard wanted.contains(observation.validAt) else { continue }
            let forecast =
                switch method {
                case .local: local.forecast()
                case .model(let model): Forecaster.forecast(history, model: model)
                case .builtIn: Forecaster.forecast(history, model: nil)
                }
            guard let forecast else { continue }
            made += 1
            for leadTime in served {
                guard let lead = forecast.leadTimes.firstIndex(of: leadTime) else { continue }
                let values = [ForecastShape.lowLevel, ForecastShape.medianLevel, ForecastShape.highLevel].map {
                    NumberText.fixed(forecast.humidity(lead: lead, level: $0), places: 4) ?? ""
                }
                text += "\(name),\(RFC3339.format(ms: observation.validAt.ms)),\(leadTime.wholeSeconds),\(values.joined(separator: ","))\n"
            }
        }
        return (text, wanted.count - made)
    }

    private static func read(_ path: String) throws -> [Observation] {
        let lines = try LineReader(path: path)
        do {
            guard let header = try lines.next() else { throw BacktestFault("\(path) is empty") }
            let format = try SeriesCSV(header: header)
            var observations: [Observation] = []
            while let line = try lines.next() {
                guard !line.isEmpty else { continue }
                let row = try format.row(line, line: lines.line)
                guard let humidity = row.humidityPct else { continue }
                if let last = observations.last, last.validAt.ms >= row.takenAtMs {
                    throw BacktestFault("\(path): line \(lines.line): the time is not after the line's before")
                }
                observations.append(
                    Observation(
                        validAt: Instant(ms: row.takenAtMs), humidity: RelativeHumidity(percent: min(100, max(0, humidity))),
                        temperature: row.temperatureC.map { Temperature(celsius: $0) }))
            }
            return observations
        } catch let error as SeriesCSV.Malformed {
            throw BacktestFault("\(path): \(error)")
        }
    }
}

package struct BacktestFault: Error, CustomStringConvertible {
    package let description: String
    init(_ description: String) { self.description = description }
}

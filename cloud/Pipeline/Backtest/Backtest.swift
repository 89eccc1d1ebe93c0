package import Forecasting
package import Measures
package import Observing
internal import Runtime
internal import Text

/// Replays recorded series and forecasts at given origins. A forecast uses no observation after its origin.
package struct Backtest: Sendable {
    package struct Origin: Sendable {
        package let series: String
        package let at: Instant
    }

    package let folder: String
    package let origins: [String: Set<Instant>]  // by series
    package let leadTimes: [Duration]
    package let network: Network?  // `nil`: the damped anomaly, corrected by what the forecaster learns from the series
    package let history: Duration?  // how much history each forecast uses, as on a device of this age; `nil`: the whole history

    package init(folder: String, origins: [Origin], leadTimes: [Duration], network: Network?, history: Duration? = nil) {
        self.folder = folder
        self.origins = Dictionary(grouping: origins, by: \.series).mapValues { Set($0.map(\.at)) }
        self.leadTimes = leadTimes
        self.network = network
        self.history = history
    }

    /// Reads a CSV file with a header and the columns `series` and `origin_time`.
    package static func origins(fromFile path: String) throws -> [Origin] {
        let lines = try LineReader(path: path)
        guard let header = try lines.next() else { throw InputFileError(path, "the file is empty") }
        let names = CSV.fields(of: header)
        guard let series = names.firstIndex(of: "series"), let time = names.firstIndex(of: "origin_time") else {
            throw InputFileError(path, line: 1, "expected a header with series and origin_time")
        }
        var origins: [Origin] = []
        while let line = try lines.next() {
            guard !line.isEmpty else { continue }
            let fields = CSV.fields(of: line)
            guard fields.count > max(series, time), let at = RFC3339.parse(fields[time]) else {
                throw InputFileError(path, line: lines.line, "expected a series and a time like 2026-11-21T04:10:00Z")
            }
            guard !fields[series].isEmpty, !fields[series].contains("/") else {
                throw InputFileError(path, line: lines.line, "«\(fields[series])» is not a series name")
            }
            origins.append(Origin(series: fields[series], at: Instant(ms: at)))
        }
        guard !origins.isEmpty else { throw InputFileError(path, "the file has no origin") }
        return origins
    }

    package var seriesNames: [String] { origins.keys.sorted() }

    /// The forecasts of one series, and the observations of the series.
    package struct Replay: Sendable {
        package let name: String
        package let grid: TimeGrid
        package let observations: [Observation]
        package var forecasts: [QuantileForecast] = []  // in order of origin
        package var missing = 0  // origins without an observation at their time
    }

    /// Makes the forecasts at all origins of a series.
    @concurrent package func replay(_ name: String) async throws -> Replay {
        let observations = try SeriesFolder(folder).observations(ofSeries: name)
        let grid = TimeGrid(takenAt: observations.prefix(1_000).map(\.validAt))
        let wanted = origins[name] ?? []
        var replayed = Replay(name: name, grid: grid, observations: observations)
        var forecaster = AdaptiveForecaster(grid: grid, network: network)
        for (index, observation) in observations.enumerated() {
            try Task.checkCancellation()
            let isWanted = wanted.contains(observation.validAt)
            if let history {
                guard isWanted else { continue }
                forecaster = AdaptiveForecaster(grid: grid, network: network)
                let first = observations[...index].partitioningIndex { $0.validAt > observation.validAt - history }
                for seen in observations[first...index] { forecaster.observe(seen) }
            } else {
                forecaster.observe(observation)
            }
            guard isWanted, let forecast = forecaster.forecast() else { continue }
            replayed.forecasts.append(forecast)
        }
        replayed.missing = wanted.count - replayed.forecasts.count
        return replayed
    }

    package static let header = "series,origin_time,horizon_s,p10,p50,p90\n"

    /// The predictions as CSV lines in order of origin.
    package func lines(of replayed: Replay) -> String {
        let served = leadTimes.filter { ForecastShape.isServed($0, on: replayed.grid) }
        var text = ""
        for forecast in replayed.forecasts {
            for leadTime in served {
                guard let lead = forecast.leadTimes.firstIndex(of: leadTime) else { continue }
                let values = [ForecastShape.lowLevel, ForecastShape.medianLevel, ForecastShape.highLevel].map {
                    NumberText.fixed(forecast.humidity(lead: lead, level: $0), places: 4) ?? ""
                }
                text += "\(replayed.name),\(RFC3339.format(ms: forecast.origin.ms)),\(leadTime.wholeSeconds),\(values.joined(separator: ","))\n"
            }
        }
        return text
    }
}

extension ArraySlice {
    /// The index of the first element that satisfies the condition; `endIndex` if none does. Every element after the first match must also satisfy
    /// the condition.
    fileprivate func partitioningIndex(_ holds: (Element) -> Bool) -> Int {
        var (low, high) = (startIndex, endIndex)
        while low < high {
            let middle = low + (high - low) / 2
            if holds(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
